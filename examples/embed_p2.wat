;; A component of WASI 0.2 that prints the names in each of its preopened directories, one a line.
(component
  (import "wasi:io/error@0.2.12" (instance $io-error (export "error" (type (sub resource)))))
  (alias export $io-error "error" (type $error))
  (import "wasi:io/streams@0.2.12" (instance $streams
    (alias outer 1 $error (type $outer))
    (export "error" (type $error (eq $outer)))
    (export "output-stream" (type $output-stream (sub resource)))
    (type $cases (variant (case "last-operation-failed" (own $error)) (case "closed")))
    (export "stream-error" (type $stream-error (eq $cases)))
    (export "[method]output-stream.blocking-write-and-flush"
      (func (param "self" (borrow $output-stream)) (param "contents" (list u8)) (result (result (error $stream-error)))))))
  (alias export $streams "output-stream" (type $output-stream))
  (import "wasi:cli/stdout@0.2.12" (instance $stdout
    (alias outer 1 $output-stream (type $outer))
    (export "output-stream" (type $output-stream (eq $outer)))
    (export "get-stdout" (func (result (own $output-stream))))))
  (import "wasi:filesystem/types@0.2.12" (instance $types
    (export "descriptor" (type $descriptor (sub resource)))
    (export "directory-entry-stream" (type $directory-entry-stream (sub resource)))
    (type $kinds (enum "unknown" "block-device" "character-device" "directory" "fifo" "symbolic-link" "regular-file"
      "socket"))
    (export "descriptor-type" (type $descriptor-type (eq $kinds)))
    (type $entry (record (field "type" $descriptor-type) (field "name" string)))
    (export "directory-entry" (type $directory-entry (eq $entry)))
    (type $codes (enum "access" "would-block" "already" "bad-descriptor" "busy" "deadlock" "quota" "exist"
      "file-too-large" "illegal-byte-sequence" "in-progress" "interrupted" "invalid" "io" "is-directory" "loop"
      "too-many-links" "message-size" "name-too-long" "no-device" "no-entry" "no-lock" "insufficient-memory"
      "insufficient-space" "not-directory" "not-empty" "not-recoverable" "unsupported" "no-tty" "no-such-device"
      "overflow" "not-permitted" "pipe" "read-only" "invalid-seek" "text-file-busy" "cross-device"))
    (export "error-code" (type $error-code (eq $codes)))
    (export "[method]descriptor.read-directory"
      (func (param "self" (borrow $descriptor))
        (result (result (own $directory-entry-stream) (error $error-code)))))
    (export "[method]directory-entry-stream.read-directory-entry"
      (func (param "self" (borrow $directory-entry-stream))
        (result (result (option $directory-entry) (error $error-code)))))))
  (alias export $types "descriptor" (type $descriptor))
  (alias export $types "directory-entry-stream" (type $directory-entry-stream))
  (import "wasi:filesystem/preopens@0.2.12" (instance $preopens
    (alias outer 1 $descriptor (type $outer))
    (export "descriptor" (type $descriptor (eq $outer)))
    (export "get-directories" (func (result (list (tuple (own $descriptor) string)))))))

  (core module $libc-module
    (memory (export "memory") 16)
    (global $next (mut i32) (i32.const 65536))
    (func (export "realloc") (param i32 i32 i32 i32) (result i32)
      (global.get $next)
      (global.set $next (i32.and (i32.add (i32.add (global.get $next) (local.get 3)) (i32.const 15)) (i32.const -16)))))
  (core instance $libc (instantiate $libc-module))
  (alias core export $libc "memory" (core memory $memory))
  (alias core export $libc "realloc" (core func $realloc))
  (core func $get-stdout (canon lower (func $stdout "get-stdout")))
  (core func $print (canon lower (func $streams "[method]output-stream.blocking-write-and-flush") (memory $memory)))
  (core func $get-directories (canon lower (func $preopens "get-directories") (memory $memory) (realloc $realloc)))
  (core func $read-directory (canon lower (func $types "[method]descriptor.read-directory") (memory $memory)))
  (core func $read-entry
    (canon lower (func $types "[method]directory-entry-stream.read-directory-entry") (memory $memory) (realloc $realloc)))
  (core func $drop-entries (canon resource.drop $directory-entry-stream))

  (core module $main-module
    (import "libc" "memory" (memory 16))
    (import "host" "get-stdout" (func $get-stdout (result i32)))
    (import "host" "print" (func $print (param i32 i32 i32 i32)))
    (import "host" "get-directories" (func $get-directories (param i32)))
    (import "host" "read-directory" (func $read-directory (param i32 i32)))
    (import "host" "read-entry" (func $read-entry (param i32 i32)))
    (import "host" "drop-entries" (func $drop-entries (param i32)))
    (data (i32.const 64) "\n")
    ;; Prints the names in a directory; 1 when it cannot be listed.
    (func $list (param $stdout i32) (param $directory i32) (result i32)
      (local $entries i32)
      (call $read-directory (local.get $directory) (i32.const 0))
      (if (i32.load8_u (i32.const 0)) (then (return (i32.const 1))))
      (local.set $entries (i32.load (i32.const 4)))
      (loop $more
        (call $read-entry (local.get $entries) (i32.const 0))
        (if (i32.load8_u (i32.const 0)) (then (return (i32.const 1))))
        (if (i32.load8_u (i32.const 4))
          (then
            (call $print (local.get $stdout) (i32.load (i32.const 12)) (i32.load (i32.const 16)) (i32.const 32))
            (call $print (local.get $stdout) (i32.const 64) (i32.const 1) (i32.const 32))
            (br $more))))
      (call $drop-entries (local.get $entries))
      (i32.const 0))
    (func (export "run") (result i32)
      (local $stdout i32) (local $at i32) (local $end i32)
      (local.set $stdout (call $get-stdout))
      (call $get-directories (i32.const 0))
      (local.set $at (i32.load (i32.const 0)))
      (local.set $end (i32.add (local.get $at) (i32.mul (i32.load (i32.const 4)) (i32.const 12))))
      (block $end-of-list
        (loop $more
          (br_if $end-of-list (i32.ge_u (local.get $at) (local.get $end)))
          (if (call $list (local.get $stdout) (i32.load (local.get $at))) (then (return (i32.const 1))))
          (local.set $at (i32.add (local.get $at) (i32.const 12)))
          (br $more)))
      (i32.const 0)))
  (core instance $main (instantiate $main-module
    (with "libc" (instance $libc))
    (with "host" (instance
      (export "get-stdout" (func $get-stdout))
      (export "print" (func $print))
      (export "get-directories" (func $get-directories))
      (export "read-directory" (func $read-directory))
      (export "read-entry" (func $read-entry))
      (export "drop-entries" (func $drop-entries))))))
  (func $run (result (result)) (canon lift (core func $main "run")))
  (instance $run-instance (export "run" (func $run)))
  (export "wasi:cli/run@0.2.12" (instance $run-instance)))
