/* Does what the benchmark asks for, inside gVisor: a line in, a line out. See `inside.rs`. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static char buf[1 << 16];
static struct stat st;
static int root, seen;

static void hex(const void *bytes, size_t len) {
  for (size_t i = 0; i < len; i++) printf("%02x", ((const unsigned char *)bytes)[i]);
}

/* The whole of an open directory, in buffers of 4 KiB. */
static int list(int fd, int show) {
  if (lseek(fd, 0, SEEK_SET)) return -1;
  for (;;) {
    long len = syscall(SYS_getdents64, fd, buf, 4096);
    if (len <= 0) return len;
    for (long at = 0; show && at < len;) {
      struct dirent64 *entry = (struct dirent64 *)(buf + at);
      printf("%s%s/%d", seen++ ? "," : "", entry->d_name, entry->d_type);
      at += entry->d_reclen;
    }
  }
}

static int once(char op, const char *path, int fd, long len, int show) {
  int file;
  switch (op) {
    case 's': return fstatat(root, path, &st, 0);
    case 'm': return fstatat(root, path, &st, 0) && errno == ENOENT ? 0 : -1;
    case 'o': return (file = openat(root, path, O_RDONLY | O_CLOEXEC)) < 0 ? -1 : close(file);
    case 'p': return pread(fd, buf, len, 0) == len ? 0 : -1;
    case 'l': return list(fd, show);
    default: return -1;
  }
}

static long long now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1000000000LL + time.tv_nsec;
}

int main(void) {
  char op, path[256];
  long n, len;
  root = open("/", O_RDONLY | O_DIRECTORY);
  while (scanf(" %c %ld %ld %255s", &op, &n, &len, path) == 4) {
    int failed = 0, fd = strchr("pl", op) ? openat(root, path, O_RDONLY) : -1;
    if (n == 0) {
      seen = 0;
      printf("seen ");
      failed = once(op, path, fd, len, 1);
      if (op == 's') printf("%u %lu %lld %lld", st.st_mode & S_IFMT, (unsigned long)st.st_nlink, (long long)st.st_size,
                            st.st_mtim.tv_sec * 1000000000LL + st.st_mtim.tv_nsec);
      if (op == 'p') hex(buf, len);
      printf("%s\n", failed ? " failed" : "");
    } else {
      /* As many to warm up as all subjects have: `warm_up` of subjects.rs. */
      for (long i = 0; i < 3 + n / 20; i++) failed |= once(op, path, fd, len, 0);
      long long start = now();
      for (long i = 0; i < n; i++) failed |= once(op, path, fd, len, 0);
      long long time = now() - start;
      printf(failed ? "failed\n" : "took %lld\n", time);
    }
    fflush(stdout);
    if (fd >= 0) close(fd);
  }
  return 0;
}
