#include <stdio.h>
#include <fcntl.h>
#include <unistd.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
static int at(const char*path,int listens){
  struct sockaddr_un a={.sun_family=AF_UNIX}; strcpy(a.sun_path,path);
  int s=socket(AF_UNIX,SOCK_STREAM,0); if(s<0) return -1;
  if(listens) return bind(s,(void*)&a,sizeof a)||listen(s,4)?-1:s;
  return connect(s,(void*)&a,sizeof a)?-1:s;}
static int says(int s,const char*word,const char*answer){
  char b[6]={0}; if(s<0) return 1; if(write(s,word,5)!=5) return 1;
  for(int n=0,r;n<5;n+=r) if((r=read(s,b+n,5-n))<=0) return 1;
  return memcmp(b,answer,5);}
int main(int c,char**v){
  if(c!=2) return 9;
  int s=at("/made",1); if(s<0) return 10;
  struct stat st; if(stat("/made",&st)||!S_ISSOCK(st.st_mode)) return 11;
  if(!strcmp(v[1],"alone")){
    pid_t p=fork(); if(p<0) return 12; if(!p) _exit(says(at("/made",0),"world","hello"));
    if(says(accept(s,0,0),"hello","world")) return 13; int w; if(wait(&w)<0||w) return 14;
    return at("/host",0)<0?0:15;}
  int f=open("/ready",O_CREAT|O_WRONLY,0600); if(f<0) return 16; close(f);
  if(says(accept(s,0,0),"hello","world")) return 17;
  if(says(at("/host",0),"hello","world")) return 18;
  return 0;}
