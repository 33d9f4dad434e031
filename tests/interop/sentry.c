#include <stdio.h>
#include <fcntl.h>
#include <unistd.h>
#include <dirent.h>
#include <string.h>
#include <sys/stat.h>
int main(void){
  char b[100]={0};
  int f=open("/in",O_RDONLY); if(f<0) return 10; int n=read(f,b,99); if(n!=6||memcmp(b,"hello\n",6)) return 11; close(f);
  f=open("/out",O_RDWR|O_CREAT|O_EXCL,0640); if(f<0) return 12; if(write(f,"from inside\n",12)!=12) return 13;
  if(pread(f,b,99,5)!=7) return 14; if(fsync(f)) return 15; close(f);
  if(mkdir("/dir",0750)) return 16; if(rename("/out","/dir/moved")) return 17;
  struct stat s; if(stat("/dir/moved",&s)||s.st_size!=12||(s.st_mode&0777)!=0640) return 18;
  DIR*d=opendir("/many"); int c=0; if(!d) return 19; while(readdir(d)) c++; if(c!=102) return 20;
  if(symlink("moved","/dir/link")) return 21; if(readlink("/dir/link",b,99)!=5) return 22;
  if(unlink("/many/file-7")) return 23; if(truncate("/in",3)) return 24;
  return 0;}
