  ;; What a component of WASI 0.2 imports of files and streams, as wit-component would write it.
  (import "wasi:io/error@0.2.12" (instance $io-error (export "error" (type (sub resource)))))
  (alias export $io-error "error" (type $error))
  (import "wasi:io/poll@0.2.12" (instance $poll
    (export "pollable" (type $pollable (sub resource)))
    (export "[method]pollable.ready" (func (param "self" (borrow $pollable)) (result bool)))
    (export "[method]pollable.block" (func (param "self" (borrow $pollable))))
    (export "poll" (func (param "in" (list (borrow $pollable))) (result (list u32))))))
  (alias export $poll "pollable" (type $pollable))
  (import "wasi:io/streams@0.2.12" (instance $streams
    (alias outer 1 $error (type $outer-error))
    (export "error" (type $error (eq $outer-error)))
    (alias outer 1 $pollable (type $outer-pollable))
    (export "pollable" (type $pollable (eq $outer-pollable)))
    (export "input-stream" (type $input-stream (sub resource)))
    (export "output-stream" (type $output-stream (sub resource)))
    (type $stream-error-case (variant (case "last-operation-failed" (own $error)) (case "closed")))
    (export "stream-error" (type $stream-error (eq $stream-error-case)))
    (type $bytes (list u8))
    (type $done (result (error $stream-error)))
    (type $counted (result u64 (error $stream-error)))
    (type $got (result $bytes (error $stream-error)))
    (export "[method]input-stream.read" (func (param "self" (borrow $input-stream)) (param "len" u64) (result $got)))
    (export "[method]input-stream.blocking-read"
      (func (param "self" (borrow $input-stream)) (param "len" u64) (result $got)))
    (export "[method]input-stream.skip" (func (param "self" (borrow $input-stream)) (param "len" u64) (result $counted)))
    (export "[method]input-stream.blocking-skip"
      (func (param "self" (borrow $input-stream)) (param "len" u64) (result $counted)))
    (export "[method]input-stream.subscribe"
      (func (param "self" (borrow $input-stream)) (result (own $pollable))))
    (export "[method]output-stream.check-write" (func (param "self" (borrow $output-stream)) (result $counted)))
    (export "[method]output-stream.write"
      (func (param "self" (borrow $output-stream)) (param "contents" $bytes) (result $done)))
    (export "[method]output-stream.blocking-write-and-flush"
      (func (param "self" (borrow $output-stream)) (param "contents" $bytes) (result $done)))
    (export "[method]output-stream.flush" (func (param "self" (borrow $output-stream)) (result $done)))
    (export "[method]output-stream.blocking-flush" (func (param "self" (borrow $output-stream)) (result $done)))
    (export "[method]output-stream.subscribe"
      (func (param "self" (borrow $output-stream)) (result (own $pollable))))
    (export "[method]output-stream.write-zeroes"
      (func (param "self" (borrow $output-stream)) (param "len" u64) (result $done)))
    (export "[method]output-stream.blocking-write-zeroes-and-flush"
      (func (param "self" (borrow $output-stream)) (param "len" u64) (result $done)))
    (export "[method]output-stream.splice"
      (func (param "self" (borrow $output-stream)) (param "src" (borrow $input-stream)) (param "len" u64)
        (result $counted)))
    (export "[method]output-stream.blocking-splice"
      (func (param "self" (borrow $output-stream)) (param "src" (borrow $input-stream)) (param "len" u64)
        (result $counted)))))
  (alias export $streams "input-stream" (type $input-stream))
  (alias export $streams "output-stream" (type $output-stream))
  (import "wasi:clocks/wall-clock@0.2.12" (instance $wall-clock
    (type $datetime-record (record (field "seconds" u64) (field "nanoseconds" u32)))
    (export "datetime" (type (eq $datetime-record)))))
  (alias export $wall-clock "datetime" (type $datetime))
  (import "wasi:filesystem/types@0.2.12" (instance $types
    (alias outer 1 $input-stream (type $outer-input-stream))
    (export "input-stream" (type $input-stream (eq $outer-input-stream)))
    (alias outer 1 $output-stream (type $outer-output-stream))
    (export "output-stream" (type $output-stream (eq $outer-output-stream)))
    (alias outer 1 $error (type $outer-error))
    (export "error" (type $error (eq $outer-error)))
    (alias outer 1 $datetime (type $outer-datetime))
    (export "datetime" (type $datetime (eq $outer-datetime)))
    (export "descriptor" (type $descriptor (sub resource)))
    (export "directory-entry-stream" (type $directory-entry-stream (sub resource)))
    (type $descriptor-type-enum (enum "unknown" "block-device" "character-device" "directory" "fifo" "symbolic-link"
      "regular-file" "socket"))
    (export "descriptor-type" (type $descriptor-type (eq $descriptor-type-enum)))
    (type $descriptor-flags-set (flags "read" "write" "file-integrity-sync" "data-integrity-sync"
      "requested-write-sync" "mutate-directory"))
    (export "descriptor-flags" (type $descriptor-flags (eq $descriptor-flags-set)))
    (type $path-flags-set (flags "symlink-follow"))
    (export "path-flags" (type $path-flags (eq $path-flags-set)))
    (type $open-flags-set (flags "create" "directory" "exclusive" "truncate"))
    (export "open-flags" (type $open-flags (eq $open-flags-set)))
    (type $descriptor-stat-record (record (field "type" $descriptor-type) (field "link-count" u64) (field "size" u64)
      (field "data-access-timestamp" (option $datetime)) (field "data-modification-timestamp" (option $datetime))
      (field "status-change-timestamp" (option $datetime))))
    (export "descriptor-stat" (type $descriptor-stat (eq $descriptor-stat-record)))
    (type $new-timestamp-variant (variant (case "no-change") (case "now") (case "timestamp" $datetime)))
    (export "new-timestamp" (type $new-timestamp (eq $new-timestamp-variant)))
    (type $directory-entry-record (record (field "type" $descriptor-type) (field "name" string)))
    (export "directory-entry" (type $directory-entry (eq $directory-entry-record)))
    (type $error-code-enum (enum "access" "would-block" "already" "bad-descriptor" "busy" "deadlock" "quota" "exist"
      "file-too-large" "illegal-byte-sequence" "in-progress" "interrupted" "invalid" "io" "is-directory" "loop"
      "too-many-links" "message-size" "name-too-long" "no-device" "no-entry" "no-lock" "insufficient-memory"
      "insufficient-space" "not-directory" "not-empty" "not-recoverable" "unsupported" "no-tty" "no-such-device"
      "overflow" "not-permitted" "pipe" "read-only" "invalid-seek" "text-file-busy" "cross-device"))
    (export "error-code" (type $error-code (eq $error-code-enum)))
    (type $advice-enum (enum "normal" "sequential" "random" "will-need" "dont-need" "no-reuse"))
    (export "advice" (type $advice (eq $advice-enum)))
    (type $metadata-hash-record (record (field "lower" u64) (field "upper" u64)))
    (export "metadata-hash-value" (type $metadata-hash-value (eq $metadata-hash-record)))
    (type $self (borrow $descriptor))
    (type $done (result (error $error-code)))
    (export "[method]descriptor.read-via-stream"
      (func (param "self" $self) (param "offset" u64) (result (result (own $input-stream) (error $error-code)))))
    (export "[method]descriptor.write-via-stream"
      (func (param "self" $self) (param "offset" u64) (result (result (own $output-stream) (error $error-code)))))
    (export "[method]descriptor.append-via-stream"
      (func (param "self" $self) (result (result (own $output-stream) (error $error-code)))))
    (export "[method]descriptor.advise"
      (func (param "self" $self) (param "offset" u64) (param "length" u64) (param "advice" $advice) (result $done)))
    (export "[method]descriptor.sync-data" (func (param "self" $self) (result $done)))
    (export "[method]descriptor.get-flags"
      (func (param "self" $self) (result (result $descriptor-flags (error $error-code)))))
    (export "[method]descriptor.get-type"
      (func (param "self" $self) (result (result $descriptor-type (error $error-code)))))
    (export "[method]descriptor.set-size" (func (param "self" $self) (param "size" u64) (result $done)))
    (export "[method]descriptor.set-times"
      (func (param "self" $self) (param "data-access-timestamp" $new-timestamp)
        (param "data-modification-timestamp" $new-timestamp) (result $done)))
    (export "[method]descriptor.read"
      (func (param "self" $self) (param "length" u64) (param "offset" u64)
        (result (result (tuple (list u8) bool) (error $error-code)))))
    (export "[method]descriptor.write"
      (func (param "self" $self) (param "buffer" (list u8)) (param "offset" u64)
        (result (result u64 (error $error-code)))))
    (export "[method]descriptor.read-directory"
      (func (param "self" $self) (result (result (own $directory-entry-stream) (error $error-code)))))
    (export "[method]descriptor.sync" (func (param "self" $self) (result $done)))
    (export "[method]descriptor.create-directory-at" (func (param "self" $self) (param "path" string) (result $done)))
    (export "[method]descriptor.stat"
      (func (param "self" $self) (result (result $descriptor-stat (error $error-code)))))
    (export "[method]descriptor.stat-at"
      (func (param "self" $self) (param "path-flags" $path-flags) (param "path" string)
        (result (result $descriptor-stat (error $error-code)))))
    (export "[method]descriptor.set-times-at"
      (func (param "self" $self) (param "path-flags" $path-flags) (param "path" string)
        (param "data-access-timestamp" $new-timestamp) (param "data-modification-timestamp" $new-timestamp)
        (result $done)))
    (export "[method]descriptor.link-at"
      (func (param "self" $self) (param "old-path-flags" $path-flags) (param "old-path" string)
        (param "new-descriptor" (borrow $descriptor)) (param "new-path" string) (result $done)))
    (export "[method]descriptor.open-at"
      (func (param "self" $self) (param "path-flags" $path-flags) (param "path" string) (param "open-flags" $open-flags)
        (param "flags" $descriptor-flags) (result (result (own $descriptor) (error $error-code)))))
    (export "[method]descriptor.readlink-at"
      (func (param "self" $self) (param "path" string) (result (result string (error $error-code)))))
    (export "[method]descriptor.remove-directory-at" (func (param "self" $self) (param "path" string) (result $done)))
    (export "[method]descriptor.rename-at"
      (func (param "self" $self) (param "old-path" string) (param "new-descriptor" (borrow $descriptor))
        (param "new-path" string) (result $done)))
    (export "[method]descriptor.symlink-at"
      (func (param "self" $self) (param "old-path" string) (param "new-path" string) (result $done)))
    (export "[method]descriptor.unlink-file-at" (func (param "self" $self) (param "path" string) (result $done)))
    (export "[method]descriptor.is-same-object"
      (func (param "self" $self) (param "other" (borrow $descriptor)) (result bool)))
    (export "[method]descriptor.metadata-hash"
      (func (param "self" $self) (result (result $metadata-hash-value (error $error-code)))))
    (export "[method]descriptor.metadata-hash-at"
      (func (param "self" $self) (param "path-flags" $path-flags) (param "path" string)
        (result (result $metadata-hash-value (error $error-code)))))
    (export "[method]directory-entry-stream.read-directory-entry"
      (func (param "self" (borrow $directory-entry-stream))
        (result (result (option $directory-entry) (error $error-code)))))
    (export "filesystem-error-code" (func (param "err" (borrow $error)) (result (option $error-code))))))
  (alias export $types "descriptor" (type $descriptor))
  (alias export $types "directory-entry-stream" (type $directory-entry-stream))
  (import "wasi:filesystem/preopens@0.2.12" (instance $preopens
    (alias outer 1 $descriptor (type $outer-descriptor))
    (export "descriptor" (type $descriptor (eq $outer-descriptor)))
    (export "get-directories" (func (result (list (tuple (own $descriptor) string)))))))
