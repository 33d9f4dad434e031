  ;; What a component of WASI 0.3 imports of files, as wit-component would write it.
  (import "wasi:clocks/system-clock@0.3.0" (instance $system-clock
    (type $instant-record (record (field "seconds" s64) (field "nanoseconds" u32)))
    (export "instant" (type (eq $instant-record)))))
  (alias export $system-clock "instant" (type $instant))
  (import "wasi:filesystem/types@0.3.0" (instance $types
    (alias outer 1 $instant (type $outer-instant))
    (export "instant" (type $instant (eq $outer-instant)))
    (export "descriptor" (type $descriptor (sub resource)))
    (type $text (option string))
    (type $descriptor-type-variant (variant (case "block-device") (case "character-device") (case "directory")
      (case "fifo") (case "symbolic-link") (case "regular-file") (case "socket") (case "other" $text)))
    (export "descriptor-type" (type $descriptor-type (eq $descriptor-type-variant)))
    (type $descriptor-flags-set (flags "read" "write" "file-integrity-sync" "data-integrity-sync"
      "requested-write-sync" "mutate-directory"))
    (export "descriptor-flags" (type $descriptor-flags (eq $descriptor-flags-set)))
    (type $path-flags-set (flags "symlink-follow"))
    (export "path-flags" (type $path-flags (eq $path-flags-set)))
    (type $open-flags-set (flags "create" "directory" "exclusive" "truncate"))
    (export "open-flags" (type $open-flags (eq $open-flags-set)))
    (type $descriptor-stat-record (record (field "type" $descriptor-type) (field "link-count" u64) (field "size" u64)
      (field "data-access-timestamp" (option $instant)) (field "data-modification-timestamp" (option $instant))
      (field "status-change-timestamp" (option $instant))))
    (export "descriptor-stat" (type $descriptor-stat (eq $descriptor-stat-record)))
    (type $new-timestamp-variant (variant (case "no-change") (case "now") (case "timestamp" $instant)))
    (export "new-timestamp" (type $new-timestamp (eq $new-timestamp-variant)))
    (type $directory-entry-record (record (field "type" $descriptor-type) (field "name" string)))
    (export "directory-entry" (type $directory-entry (eq $directory-entry-record)))
    (type $error-code-variant (variant
      (case "access") (case "already") (case "bad-descriptor") (case "busy") (case "deadlock") (case "quota")
      (case "exist") (case "file-too-large") (case "illegal-byte-sequence") (case "in-progress") (case "interrupted")
      (case "invalid") (case "io") (case "is-directory") (case "loop") (case "too-many-links") (case "message-size")
      (case "name-too-long") (case "no-device") (case "no-entry") (case "no-lock") (case "insufficient-memory")
      (case "insufficient-space") (case "not-directory") (case "not-empty") (case "not-recoverable")
      (case "unsupported") (case "no-tty") (case "no-such-device") (case "overflow") (case "not-permitted")
      (case "pipe") (case "read-only") (case "invalid-seek") (case "text-file-busy") (case "cross-device")
      (case "other" $text)))
    (export "error-code" (type $error-code (eq $error-code-variant)))
    (type $advice-enum (enum "normal" "sequential" "random" "will-need" "dont-need" "no-reuse"))
    (export "advice" (type $advice (eq $advice-enum)))
    (type $metadata-hash-record (record (field "lower" u64) (field "upper" u64)))
    (export "metadata-hash-value" (type $metadata-hash-value (eq $metadata-hash-record)))
    (type $self (borrow $descriptor))
    (type $done (result (error $error-code)))
    (type $told (future $done))
    (type $bytes (stream u8))
    (type $entries (stream $directory-entry))
    (export "[method]descriptor.read-via-stream"
      (func (param "self" $self) (param "offset" u64) (result (tuple $bytes $told))))
    (export "[method]descriptor.write-via-stream"
      (func (param "self" $self) (param "data" $bytes) (param "offset" u64) (result $told)))
    (export "[method]descriptor.append-via-stream" (func (param "self" $self) (param "data" $bytes) (result $told)))
    (export "[method]descriptor.advise"
      (func async (param "self" $self) (param "offset" u64) (param "length" u64) (param "advice" $advice)
        (result $done)))
    (export "[method]descriptor.sync-data" (func async (param "self" $self) (result $done)))
    (export "[method]descriptor.get-flags"
      (func async (param "self" $self) (result (result $descriptor-flags (error $error-code)))))
    (export "[method]descriptor.get-type"
      (func async (param "self" $self) (result (result $descriptor-type (error $error-code)))))
    (export "[method]descriptor.set-size" (func async (param "self" $self) (param "size" u64) (result $done)))
    (export "[method]descriptor.set-times"
      (func async (param "self" $self) (param "data-access-timestamp" $new-timestamp)
        (param "data-modification-timestamp" $new-timestamp) (result $done)))
    (export "[method]descriptor.read-directory" (func (param "self" $self) (result (tuple $entries $told))))
    (export "[method]descriptor.sync" (func async (param "self" $self) (result $done)))
    (export "[method]descriptor.create-directory-at"
      (func async (param "self" $self) (param "path" string) (result $done)))
    (export "[method]descriptor.stat"
      (func async (param "self" $self) (result (result $descriptor-stat (error $error-code)))))
    (export "[method]descriptor.stat-at"
      (func async (param "self" $self) (param "path-flags" $path-flags) (param "path" string)
        (result (result $descriptor-stat (error $error-code)))))
    (export "[method]descriptor.set-times-at"
      (func async (param "self" $self) (param "path-flags" $path-flags) (param "path" string)
        (param "data-access-timestamp" $new-timestamp) (param "data-modification-timestamp" $new-timestamp)
        (result $done)))
    (export "[method]descriptor.link-at"
      (func async (param "self" $self) (param "old-path-flags" $path-flags) (param "old-path" string)
        (param "new-descriptor" (borrow $descriptor)) (param "new-path" string) (result $done)))
    (export "[method]descriptor.open-at"
      (func async (param "self" $self) (param "path-flags" $path-flags) (param "path" string)
        (param "open-flags" $open-flags) (param "flags" $descriptor-flags)
        (result (result (own $descriptor) (error $error-code)))))
    (export "[method]descriptor.readlink-at"
      (func async (param "self" $self) (param "path" string) (result (result string (error $error-code)))))
    (export "[method]descriptor.remove-directory-at"
      (func async (param "self" $self) (param "path" string) (result $done)))
    (export "[method]descriptor.rename-at"
      (func async (param "self" $self) (param "old-path" string) (param "new-descriptor" (borrow $descriptor))
        (param "new-path" string) (result $done)))
    (export "[method]descriptor.symlink-at"
      (func async (param "self" $self) (param "old-path" string) (param "new-path" string) (result $done)))
    (export "[method]descriptor.unlink-file-at" (func async (param "self" $self) (param "path" string) (result $done)))
    (export "[method]descriptor.is-same-object"
      (func async (param "self" $self) (param "other" (borrow $descriptor)) (result bool)))
    (export "[method]descriptor.metadata-hash"
      (func async (param "self" $self) (result (result $metadata-hash-value (error $error-code)))))
    (export "[method]descriptor.metadata-hash-at"
      (func async (param "self" $self) (param "path-flags" $path-flags) (param "path" string)
        (result (result $metadata-hash-value (error $error-code)))))))
  (alias export $types "descriptor" (type $descriptor))
  (alias export $types "error-code" (type $error-code))
  (alias export $types "directory-entry" (type $directory-entry))
  (type $bytes (stream u8))
  (type $entries (stream $directory-entry))
  (type $told (future (result (error $error-code))))
  (import "wasi:filesystem/preopens@0.3.0" (instance $preopens
    (alias outer 1 $descriptor (type $outer-descriptor))
    (export "descriptor" (type $descriptor (eq $outer-descriptor)))
    (export "get-directories" (func (result (list (tuple (own $descriptor) string)))))))
