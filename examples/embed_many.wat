;; The handler of one request: writes the file that its argument names, below its first preopened directory, to the
;; standard output. It ends with 1 when there is no such file.
(module
  (import "wasi_snapshot_preview1" "args_sizes_get" (func $args_sizes_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "args_get" (func $args_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_open"
    (func $path_open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_read" (func $fd_read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 4)
  (func $check (param $errno i32)
    (if (local.get $errno) (then (call $proc_exit (i32.const 1)))))
  (func (export "_start")
    (local $path i32) (local $len i32) (local $file i32)
    ;; Pointers at 1024, their strings at 2048: the second is the path, up to its NUL.
    (call $check (call $args_sizes_get (i32.const 0) (i32.const 4)))
    (call $check (i32.or (i32.ne (i32.load (i32.const 0)) (i32.const 2)) (i32.gt_u (i32.load (i32.const 4)) (i32.const 8192))))
    (call $check (call $args_get (i32.const 1024) (i32.const 2048)))
    (local.set $path (i32.load (i32.const 1028)))
    (local.set $len
      (i32.sub (i32.sub (i32.add (i32.const 2048) (i32.load (i32.const 4))) (local.get $path)) (i32.const 1)))
    ;; fd_read is the right that it needs.
    (call $check (call $path_open (i32.const 3) (i32.const 1) (local.get $path) (local.get $len) (i32.const 0)
      (i64.const 2) (i64.const 0) (i32.const 0) (i32.const 8)))
    (local.set $file (i32.load (i32.const 8)))
    (loop $more
      (i32.store (i32.const 16) (i32.const 65536))
      (i32.store (i32.const 20) (i32.const 65536))
      (call $check (call $fd_read (local.get $file) (i32.const 16) (i32.const 1) (i32.const 24)))
      (i32.store (i32.const 20) (i32.load (i32.const 24)))
      (if (i32.load (i32.const 24))
        (then
          (call $check (call $fd_write (i32.const 1) (i32.const 16) (i32.const 1) (i32.const 28)))
          (br $more))))))
