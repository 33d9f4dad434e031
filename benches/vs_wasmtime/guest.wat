;; The guest of every subject: one loop per operation.
;;
;; Timed functions have one shape, (n, fd, path, len, arg) -> errno: they do the operation `n` times and answer the errno
;; of the last, or the first that was not expected. 255 says that what came back made no sense.
;;
;; Memory: 8 a result, 16 an iovec, 64 a struct, 4096 paths (written by the host), 64 KiB on the listing buffers by depth,
;; 256 KiB on what a listing collected, 1 MiB on file data.
(module
  (import "wasi_snapshot_preview1" "fd_close" (func $fd_close (param i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_filestat_get" (func $fd_filestat_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_pread" (func $fd_pread (param i32 i32 i32 i64 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_prestat_get" (func $fd_prestat_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_pwrite" (func $fd_pwrite (param i32 i32 i32 i64 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_read" (func $fd_read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_readdir" (func $fd_readdir (param i32 i32 i32 i64 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_seek" (func $fd_seek (param i32 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_sync" (func $fd_sync (param i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_create_directory" (func $path_create_directory (param i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_filestat_get"
    (func $path_filestat_get (param i32 i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_open"
    (func $path_open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_remove_directory" (func $path_remove_directory (param i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_rename" (func $path_rename (param i32 i32 i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_unlink_file" (func $path_unlink_file (param i32 i32 i32) (result i32)))

  (memory (export "memory") 64)

  (global $RESULT i32 (i32.const 8))
  (global $IOVEC i32 (i32.const 16))
  (global $STRUCT i32 (i32.const 64))
  (global $LISTING i32 (i32.const 0x10000))
  (global $COLLECTED i32 (i32.const 0x40000))
  (global $DATA i32 (i32.const 0x100000))
  (global $READ i64 (i64.const 0x4002))     ;; FD_READ | FD_READDIR
  (global $WRITE i64 (i64.const 0x40))      ;; FD_WRITE
  (global $count (mut i32) (i32.const 0))
  (global $bytes (mut i64) (i64.const 0))

  ;; Opens, following links; the descriptor is at $RESULT.
  (func $open (param $fd i32) (param $path i32) (param $len i32) (param $oflags i32) (param $rights i64) (result i32)
    (call $path_open (local.get $fd) (i32.const 1) (local.get $path) (local.get $len) (local.get $oflags)
      (local.get $rights) (local.get $rights) (i32.const 0) (global.get $RESULT)))

  ;; For the preparation: how = 0 to read, 1 to write, 2 a directory. The descriptor, or an errno made negative.
  (func (export "open") (param $fd i32) (param $path i32) (param $len i32) (param $how i32) (result i32)
    (local $e i32)
    (local.set $e (call $open (local.get $fd) (local.get $path) (local.get $len)
      (select (i32.const 2) (i32.const 0) (i32.eq (local.get $how) (i32.const 2)))
      (select (global.get $WRITE) (global.get $READ) (i32.eq (local.get $how) (i32.const 1)))))
    (if (local.get $e) (then (return (i32.sub (i32.const 0) (local.get $e)))))
    (i32.load (global.get $RESULT)))

  (func (export "close") (param $fd i32) (result i32)
    (call $fd_close (local.get $fd)))

  ;; arg: the errno that is expected.
  (func (export "path_filestat_get")
    (param $n i32) (param $fd i32) (param $path i32) (param $len i32) (param $want i32) (result i32)
    (local $e i32)
    (loop $next
      (local.set $e (call $path_filestat_get
        (local.get $fd) (i32.const 1) (local.get $path) (local.get $len) (global.get $STRUCT)))
      (if (i32.ne (local.get $e) (local.get $want)) (then (return (local.get $e))))
      (br_if $next (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (local.get $e))

  (func (export "path_open_close")
    (param $n i32) (param $fd i32) (param $path i32) (param $len i32) (param i32) (result i32)
    (local $e i32)
    (loop $next
      (local.set $e (call $open (local.get $fd) (local.get $path) (local.get $len) (i32.const 0) (global.get $READ)))
      (if (local.get $e) (then (return (local.get $e))))
      (local.set $e (call $fd_close (i32.load (global.get $RESULT))))
      (if (local.get $e) (then (return (local.get $e))))
      (br_if $next (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (i32.const 0))

  ;; O_CREAT | O_EXCL, close, unlink.
  (func (export "path_create_unlink")
    (param $n i32) (param $fd i32) (param $path i32) (param $len i32) (param i32) (result i32)
    (local $e i32)
    (loop $next
      (local.set $e (call $open (local.get $fd) (local.get $path) (local.get $len) (i32.const 5) (global.get $WRITE)))
      (if (local.get $e) (then (return (local.get $e))))
      (local.set $e (call $fd_close (i32.load (global.get $RESULT))))
      (if (local.get $e) (then (return (local.get $e))))
      (local.set $e (call $path_unlink_file (local.get $fd) (local.get $path) (local.get $len)))
      (if (local.get $e) (then (return (local.get $e))))
      (br_if $next (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (i32.const 0))

  (func (export "fd_filestat_get")
    (param $n i32) (param $fd i32) (param i32) (param i32) (param i32) (result i32)
    (local $e i32)
    (loop $next
      (local.set $e (call $fd_filestat_get (local.get $fd) (global.get $STRUCT)))
      (if (local.get $e) (then (return (local.get $e))))
      (br_if $next (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (i32.const 0))

  (func (export "fd_prestat_get")
    (param $n i32) (param $fd i32) (param i32) (param i32) (param i32) (result i32)
    (local $e i32)
    (loop $next
      (local.set $e (call $fd_prestat_get (local.get $fd) (global.get $STRUCT)))
      (if (local.get $e) (then (return (local.get $e))))
      (br_if $next (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (i32.const 0))

  (func $iovec (param $at i32) (param $len i32)
    (i32.store (global.get $IOVEC) (i32.add (global.get $DATA) (local.get $at)))
    (i32.store offset=4 (global.get $IOVEC) (local.get $len)))

  ;; The transfers go on until all `len` bytes are through, as a guest's C library must.
  (func (export "fd_pread")
    (param $n i32) (param $fd i32) (param i32) (param $len i32) (param i32) (result i32)
    (local $e i32) (local $done i32)
    (loop $next
      (local.set $done (i32.const 0))
      (loop $more
        (call $iovec (local.get $done) (i32.sub (local.get $len) (local.get $done)))
        (local.set $e (call $fd_pread (local.get $fd) (global.get $IOVEC) (i32.const 1)
          (i64.extend_i32_u (local.get $done)) (global.get $RESULT)))
        (if (local.get $e) (then (return (local.get $e))))
        (if (i32.eqz (i32.load (global.get $RESULT))) (then (return (i32.const 255))))
        (local.set $done (i32.add (local.get $done) (i32.load (global.get $RESULT))))
        (br_if $more (i32.lt_u (local.get $done) (local.get $len))))
      (br_if $next (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (i32.const 0))

  (func (export "fd_pwrite")
    (param $n i32) (param $fd i32) (param i32) (param $len i32) (param i32) (result i32)
    (local $e i32) (local $done i32)
    (loop $next
      (local.set $done (i32.const 0))
      (loop $more
        (call $iovec (local.get $done) (i32.sub (local.get $len) (local.get $done)))
        (local.set $e (call $fd_pwrite (local.get $fd) (global.get $IOVEC) (i32.const 1)
          (i64.extend_i32_u (local.get $done)) (global.get $RESULT)))
        (if (local.get $e) (then (return (local.get $e))))
        (if (i32.eqz (i32.load (global.get $RESULT))) (then (return (i32.const 255))))
        (local.set $done (i32.add (local.get $done) (i32.load (global.get $RESULT))))
        (br_if $more (i32.lt_u (local.get $done) (local.get $len))))
      (br_if $next (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (i32.const 0))

  ;; Pages of `len` bytes here and there in a file of `size` bytes; the same ones in each call.
  (func (export "fd_pread_random")
    (param $n i32) (param $fd i32) (param i32) (param $len i32) (param $size i32) (result i32)
    (local $e i32) (local $x i32) (local $pages i32)
    (local.set $pages (i32.div_u (local.get $size) (local.get $len)))
    (local.set $x (i32.const 1))
    (call $iovec (i32.const 0) (local.get $len))
    (loop $next
      (local.set $x (i32.add (i32.mul (local.get $x) (i32.const 1664525)) (i32.const 1013904223)))
      (local.set $e (call $fd_pread (local.get $fd) (global.get $IOVEC) (i32.const 1)
        (i64.extend_i32_u (i32.mul (local.get $len)
          (i32.rem_u (i32.shr_u (local.get $x) (i32.const 8)) (local.get $pages))))
        (global.get $RESULT)))
      (if (local.get $e) (then (return (local.get $e))))
      (if (i32.ne (i32.load (global.get $RESULT)) (local.get $len)) (then (return (i32.const 255))))
      (br_if $next (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (i32.const 0))

  ;; Pages of `len` bytes one behind the other over a file of `size` bytes, from the start again behind its end.
  (func (export "fd_pwrite_in_turn")
    (param $n i32) (param $fd i32) (param i32) (param $len i32) (param $size i32) (result i32)
    (local $e i32) (local $at i32)
    (call $iovec (i32.const 0) (local.get $len))
    (loop $next
      (i32.store (global.get $DATA) (local.get $at))
      (local.set $e (call $fd_pwrite (local.get $fd) (global.get $IOVEC) (i32.const 1)
        (i64.extend_i32_u (local.get $at)) (global.get $RESULT)))
      (if (local.get $e) (then (return (local.get $e))))
      (if (i32.ne (i32.load (global.get $RESULT)) (local.get $len)) (then (return (i32.const 255))))
      (local.set $at (i32.rem_u (i32.add (local.get $at) (local.get $len)) (local.get $size)))
      (br_if $next (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (i32.const 0))

  ;; What `arg` of the rows of whole files says: the KiB of a transfer, and above 16 bits the MiB of the file.
  (func $transfer (param $arg i32) (result i32)
    (i32.shl (i32.and (local.get $arg) (i32.const 0xffff)) (i32.const 10)))
  (func $whole (param $arg i32) (result i64)
    (i64.shl (i64.extend_i32_u (i32.and (i32.shr_u (local.get $arg) (i32.const 16)) (i32.const 0x7fff))) (i64.const 20)))

  ;; Makes a file from its start to its end, syncs and closes it. The first eight bytes of each transfer are its place.
  (func (export "seq_write")
    (param $n i32) (param $dir i32) (param $path i32) (param $path_len i32) (param $arg i32) (result i32)
    (local $e i32) (local $fd i32) (local $len i32) (local $done i32) (local $at i64) (local $size i64)
    (local.set $len (call $transfer (local.get $arg)))
    (local.set $size (call $whole (local.get $arg)))
    (loop $next
      ;; O_CREAT | O_TRUNC
      (local.set $e (call $open
        (local.get $dir) (local.get $path) (local.get $path_len) (i32.const 9) (global.get $WRITE)))
      (if (local.get $e) (then (return (local.get $e))))
      (local.set $fd (i32.load (global.get $RESULT)))
      (local.set $at (i64.const 0))
      (loop $write
        (i64.store (global.get $DATA) (local.get $at))
        (local.set $done (i32.const 0))
        (loop $more
          (call $iovec (local.get $done) (i32.sub (local.get $len) (local.get $done)))
          (local.set $e (call $fd_write (local.get $fd) (global.get $IOVEC) (i32.const 1) (global.get $RESULT)))
          (if (local.get $e) (then (return (local.get $e))))
          (if (i32.eqz (i32.load (global.get $RESULT))) (then (return (i32.const 255))))
          (local.set $done (i32.add (local.get $done) (i32.load (global.get $RESULT))))
          (br_if $more (i32.lt_u (local.get $done) (local.get $len))))
        (local.set $at (i64.add (local.get $at) (i64.extend_i32_u (local.get $len))))
        (br_if $write (i64.lt_u (local.get $at) (local.get $size))))
      (local.set $e (call $fd_sync (local.get $fd)))
      (if (local.get $e) (then (return (local.get $e))))
      (local.set $e (call $fd_close (local.get $fd)))
      (if (local.get $e) (then (return (local.get $e))))
      (br_if $next (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (i32.const 0))

  (func $digest (param $sum i64) (param $len i32) (result i64)
    (local $at i32) (local $end i32)
    (local.set $at (global.get $DATA))
    (local.set $end (i32.add (local.get $at) (local.get $len)))
    (loop $word
      (local.set $sum (i64.mul
        (i64.xor (i64.rotl (local.get $sum) (i64.const 5)) (i64.load (local.get $at)))
        (i64.const 0x9e3779b97f4a7c15)))
      (br_if $word (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 8))) (local.get $end))))
    (local.get $sum))

  ;; Reads a file from its start to its end. With the highest bit of `arg` leaves the digest of its bytes at $STRUCT.
  (func (export "seq_read")
    (param $n i32) (param $fd i32) (param i32) (param i32) (param $arg i32) (result i32)
    (local $e i32) (local $len i32) (local $done i32) (local $at i64) (local $size i64) (local $sum i64)
    (local.set $len (call $transfer (local.get $arg)))
    (local.set $size (call $whole (local.get $arg)))
    (loop $next
      (local.set $e (call $fd_seek (local.get $fd) (i64.const 0) (i32.const 0) (global.get $STRUCT)))
      (if (local.get $e) (then (return (local.get $e))))
      (local.set $at (i64.const 0))
      (local.set $sum (i64.const 0))
      (loop $read
        (local.set $done (i32.const 0))
        (loop $more
          (call $iovec (local.get $done) (i32.sub (local.get $len) (local.get $done)))
          (local.set $e (call $fd_read (local.get $fd) (global.get $IOVEC) (i32.const 1) (global.get $RESULT)))
          (if (local.get $e) (then (return (local.get $e))))
          (if (i32.eqz (i32.load (global.get $RESULT))) (then (return (i32.const 255))))
          (local.set $done (i32.add (local.get $done) (i32.load (global.get $RESULT))))
          (br_if $more (i32.lt_u (local.get $done) (local.get $len))))
        (if (i32.lt_s (local.get $arg) (i32.const 0))
          (then (local.set $sum (call $digest (local.get $sum) (local.get $len)))))
        (local.set $at (i64.add (local.get $at) (i64.extend_i32_u (local.get $len))))
        (br_if $read (i64.lt_u (local.get $at) (local.get $size))))
      (br_if $next (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (i64.store (global.get $STRUCT) (local.get $sum))
    (i32.const 0))

  ;; In order through a file of `size` bytes, from the start again behind its end.
  (func (export "fd_read")
    (param $n i32) (param $fd i32) (param i32) (param $len i32) (param $size i32) (result i32)
    (local $e i32) (local $done i32) (local $at i32)
    (local.set $at (local.get $size))
    (loop $next
      (if (i32.ge_u (local.get $at) (local.get $size))
        (then
          (local.set $at (i32.const 0))
          (local.set $e (call $fd_seek (local.get $fd) (i64.const 0) (i32.const 0) (global.get $STRUCT)))
          (if (local.get $e) (then (return (local.get $e))))))
      (local.set $done (i32.const 0))
      (loop $more
        (call $iovec (local.get $done) (i32.sub (local.get $len) (local.get $done)))
        (local.set $e (call $fd_read (local.get $fd) (global.get $IOVEC) (i32.const 1) (global.get $RESULT)))
        (if (local.get $e) (then (return (local.get $e))))
        (if (i32.eqz (i32.load (global.get $RESULT))) (then (return (i32.const 255))))
        (local.set $done (i32.add (local.get $done) (i32.load (global.get $RESULT))))
        (br_if $more (i32.lt_u (local.get $done) (local.get $len))))
      (local.set $at (i32.add (local.get $at) (local.get $len)))
      (br_if $next (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (i32.const 0))

  ;; Lists a directory as wasi-libc does: from cookie to cookie, until a buffer is not full. Counts in $count; with
  ;; `collect` copies the entries one behind the other, their length in $bytes.
  (func $list (param $fd i32) (param $room i32) (param $collect i32) (result i32)
    (local $e i32) (local $cookie i64) (local $at i32) (local $used i32) (local $size i32) (local $to i32)
    (global.set $count (i32.const 0))
    (local.set $to (global.get $COLLECTED))
    (loop $fill
      (local.set $e (call $fd_readdir
        (local.get $fd) (global.get $LISTING) (local.get $room) (local.get $cookie) (global.get $RESULT)))
      (if (local.get $e) (then (return (local.get $e))))
      (local.set $used (i32.add (global.get $LISTING) (i32.load (global.get $RESULT))))
      (local.set $at (global.get $LISTING))
      (block $end
        (loop $entry
          (br_if $end (i32.lt_u (i32.sub (local.get $used) (local.get $at)) (i32.const 24)))
          (local.set $size (i32.add (i32.const 24) (i32.load offset=16 (local.get $at))))
          (br_if $end (i32.lt_u (i32.sub (local.get $used) (local.get $at)) (local.get $size)))
          (if (local.get $collect)
            (then
              (memory.copy (local.get $to) (local.get $at) (local.get $size))
              (local.set $to (i32.add (local.get $to) (local.get $size)))))
          (local.set $cookie (i64.load (local.get $at)))
          (global.set $count (i32.add (global.get $count) (i32.const 1)))
          (local.set $at (i32.add (local.get $at) (local.get $size)))
          (br $entry)))
      (br_if $fill (i32.eq (i32.load (global.get $RESULT)) (local.get $room))))
    (global.set $bytes (i64.extend_i32_u (i32.sub (local.get $to) (global.get $COLLECTED))))
    (i32.const 0))

  ;; len: the buffer; arg: how many entries are expected.
  (func (export "fd_readdir")
    (param $n i32) (param $fd i32) (param i32) (param $room i32) (param $want i32) (result i32)
    (local $e i32)
    (loop $next
      (local.set $e (call $list (local.get $fd) (local.get $room) (i32.const 0)))
      (if (local.get $e) (then (return (local.get $e))))
      (if (i32.ne (global.get $count) (local.get $want)) (then (return (i32.const 255))))
      (br_if $next (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (i32.const 0))

  ;; For the comparison: the entries are at $COLLECTED; their length, or an errno made negative.
  (func (export "collect") (param $fd i32) (param $room i32) (result i32)
    (local $e i32)
    (local.set $e (call $list (local.get $fd) (local.get $room) (i32.const 1)))
    (if (local.get $e) (then (return (i32.sub (i32.const 0) (local.get $e)))))
    (i32.wrap_i64 (global.get $bytes)))

  ;; There and back: two renames. arg: the other name, of the same length.
  (func (export "path_rename")
    (param $n i32) (param $fd i32) (param $path i32) (param $len i32) (param $other i32) (result i32)
    (local $e i32)
    (loop $next
      (local.set $e (call $path_rename (local.get $fd) (local.get $path) (local.get $len)
        (local.get $fd) (local.get $other) (local.get $len)))
      (if (local.get $e) (then (return (local.get $e))))
      (local.set $e (call $path_rename (local.get $fd) (local.get $other) (local.get $len)
        (local.get $fd) (local.get $path) (local.get $len)))
      (if (local.get $e) (then (return (local.get $e))))
      (br_if $next (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (i32.const 0))

  (func (export "path_create_remove_directory")
    (param $n i32) (param $fd i32) (param $path i32) (param $len i32) (param i32) (result i32)
    (local $e i32)
    (loop $next
      (local.set $e (call $path_create_directory (local.get $fd) (local.get $path) (local.get $len)))
      (if (local.get $e) (then (return (local.get $e))))
      (local.set $e (call $path_remove_directory (local.get $fd) (local.get $path) (local.get $len)))
      (if (local.get $e) (then (return (local.get $e))))
      (br_if $next (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (i32.const 0))

  ;; The program of wasmtime issue 7973; arg: whether it syncs before it closes, as the original does. The 13 bytes are
  ;; at $DATA.
  (func (export "issue_7973")
    (param $n i32) (param $dir i32) (param $path i32) (param $len i32) (param $sync i32) (result i32)
    (local $e i32) (local $fd i32) (local $j i32)
    (call $iovec (i32.const 0) (i32.const 13))
    (loop $next
      (local.set $e (call $open (local.get $dir) (local.get $path) (local.get $len) (i32.const 1) (global.get $WRITE)))
      (if (local.get $e) (then (return (local.get $e))))
      (local.set $fd (i32.load (global.get $RESULT)))
      (local.set $j (i32.const 0))
      (loop $write
        (local.set $e (call $fd_seek
          (local.get $fd)
          (i64.extend_i32_u (i32.add
            (i32.mul (i32.rem_u (local.get $n) (i32.const 1000)) (i32.const 10))
            (i32.mul (local.get $j) (i32.const 13))))
          (i32.const 0) (global.get $STRUCT)))
        (if (local.get $e) (then (return (local.get $e))))
        (local.set $e (call $fd_write (local.get $fd) (global.get $IOVEC) (i32.const 1) (global.get $RESULT)))
        (if (local.get $e) (then (return (local.get $e))))
        (if (i32.ne (i32.load (global.get $RESULT)) (i32.const 13)) (then (return (i32.const 255))))
        (br_if $write (i32.lt_u (local.tee $j (i32.add (local.get $j) (i32.const 1))) (i32.const 1000))))
      (if (local.get $sync)
        (then
          (local.set $e (call $fd_sync (local.get $fd)))
          (if (local.get $e) (then (return (local.get $e))))))
      (local.set $e (call $fd_close (local.get $fd)))
      (if (local.get $e) (then (return (local.get $e))))
      (br_if $next (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (i32.const 0))

  ;; Walks a tree as find(1) does: lists each directory in 4 KiB and stats each file; counts files in $count and their
  ;; sizes in $bytes.
  (func $walk (param $parent i32) (param $path i32) (param $len i32) (param $buf i32) (result i32)
    (local $e i32) (local $fd i32) (local $cookie i64) (local $at i32) (local $used i32) (local $name i32) (local $size i32)
    (local $fill i32)
    (local.set $e (call $open (local.get $parent) (local.get $path) (local.get $len) (i32.const 2) (global.get $READ)))
    (if (local.get $e) (then (return (local.get $e))))
    (local.set $fd (i32.load (global.get $RESULT)))
    (loop $refill
      (local.set $e (call $fd_readdir
        (local.get $fd) (local.get $buf) (i32.const 4096) (local.get $cookie) (global.get $RESULT)))
      (if (local.get $e) (then (return (local.get $e))))
      (local.set $fill (i32.load (global.get $RESULT)))
      (local.set $used (i32.add (local.get $buf) (local.get $fill)))
      (local.set $at (local.get $buf))
      (block $end
        (loop $entry
          (br_if $end (i32.lt_u (i32.sub (local.get $used) (local.get $at)) (i32.const 24)))
          (local.set $name (i32.add (local.get $at) (i32.const 24)))
          (local.set $size (i32.load offset=16 (local.get $at)))
          (br_if $end
            (i32.lt_u (i32.sub (local.get $used) (local.get $name)) (local.get $size)))
          (local.set $cookie (i64.load (local.get $at)))
          (local.set $e (call $visit (local.get $fd) (local.get $name) (local.get $size)
            (i32.load8_u offset=20 (local.get $at)) (local.get $buf)))
          (if (local.get $e) (then (return (local.get $e))))
          (local.set $at (i32.add (local.get $name) (local.get $size)))
          (br $entry)))
      (br_if $refill (i32.eq (local.get $fill) (i32.const 4096))))
    (call $fd_close (local.get $fd)))

  (func $visit (param $fd i32) (param $name i32) (param $len i32) (param $type i32) (param $buf i32) (result i32)
    (local $e i32)
    (if (i32.eq (local.get $type) (i32.const 3))
      (then
        ;; `.` and `..`
        (if (i32.and (i32.le_u (local.get $len) (i32.const 2)) (i32.eq (i32.load8_u (local.get $name)) (i32.const 46)))
          (then (return (i32.const 0))))
        (return (call $walk
          (local.get $fd) (local.get $name) (local.get $len) (i32.add (local.get $buf) (i32.const 4096))))))
    (local.set $e (call $path_filestat_get
      (local.get $fd) (i32.const 0) (local.get $name) (local.get $len) (global.get $STRUCT)))
    (if (local.get $e) (then (return (local.get $e))))
    (global.set $count (i32.add (global.get $count) (i32.const 1)))
    (global.set $bytes (i64.add (global.get $bytes) (i64.load offset=32 (global.get $STRUCT))))
    (i32.const 0))

  ;; arg: how many files are expected. Leaves their number and the sum of their sizes at $STRUCT.
  (func (export "tree_walk")
    (param $n i32) (param $fd i32) (param $path i32) (param $len i32) (param $want i32) (result i32)
    (local $e i32)
    (loop $next
      (global.set $count (i32.const 0))
      (global.set $bytes (i64.const 0))
      (local.set $e (call $walk (local.get $fd) (local.get $path) (local.get $len) (global.get $LISTING)))
      (if (local.get $e) (then (return (local.get $e))))
      (if (i32.ne (global.get $count) (local.get $want)) (then (return (i32.const 255))))
      (br_if $next (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (i64.store (global.get $STRUCT) (i64.extend_i32_u (global.get $count)))
    (i64.store offset=8 (global.get $STRUCT) (global.get $bytes))
    (i32.const 0)))
