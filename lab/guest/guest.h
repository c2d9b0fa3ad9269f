/* What the parts of the lab's guest say to each other. init.c tells what it is for. */
#ifndef GODWIT_LAB_GUEST_H
#define GODWIT_LAB_GUEST_H

#include <stdatomic.h>
#include <stdint.h>
#include <time.h>

#define FNV_START 1469598103934665603ull
#define FNV_PRIME 1099511628211ull

/* init.c */
void say(const char *format, ...) __attribute__((format(printf, 1, 2))); /* on the console */
const char *parameter(const char *key, const char *fallback);            /* of the kernel's command line; valid until the thread's next call */
uint64_t now_ns(void);
void sleep_until(uint64_t at_ns);

/* disks.c */
extern _Atomic uint64_t disk_errors;
void open_disks(void);    /* and takes up what earlier boots have written */
void write_disks(void);   /* from now on, each in a thread of its own */
void quiesce_disks(void); /* no write is under way, nor begins; or two seconds have passed */
int count_disks(void);
uint64_t boots_of_disk(int number);
uint64_t acknowledged_of_disk(int number); /* the last record whose write has returned */

/* memory.c */
extern _Atomic uint64_t memory_errors, pages_written;
void write_memory(void); /* from now on, in a thread of its own */

#endif
