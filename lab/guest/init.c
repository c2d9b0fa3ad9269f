/* The lab's guest: the only process of a Debian kernel. It gives a migration something to lose, and proves that nothing was:
 *   - memory: every page of a working set carries its number and generation in eight places; each page is checked before
 *     it is written again, and a sweep checks all of them every few seconds, those too that are never written again;
 *   - disks: records of 4 KiB with a sequence number and a checksum, written with O_DIRECT|O_DSYNC, older ones read back;
 *     a sequence number is reported only after its write has returned, so that a reported record that is missing is a lost one.
 *     A failed write is tried again with the same number, and a boot goes on after the last record that it finds;
 *   - network: a numbered heartbeat by UDP, which lets others measure from outside how long the guest stood still;
 *   - boots: a counter in the first block of each disk, so that a cold migration shows as exactly one more boot.
 * Parameters come from the kernel's command line as gw.KEY=VALUE (see lab/gwlab/guest.py). Linux and glibc only, static. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/input.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/random.h>
#include <sys/reboot.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum {
    BLOCK = 4096,
    PAGE = 4096,
    MAX_DISKS = 8,
    RING_AT = 256,     /* first record's block: 1 MiB into the disk */
    RING_BLOCKS = 4096, /* 16 MiB of records, then over again */
    CHUNK = 64,         /* blocks read at once when looking for what an earlier boot left */
    MARKS = 8,          /* places in a page that carry its pattern: one in each 512 bytes */
    SLICES = 100,       /* of a second: memory is written in slices of 10 ms */
    SWEEP_SECONDS = 5
};

#define SUPER_MAGIC 0x474f445749543031ull  /* "GODWIT01" */
#define RECORD_MAGIC 0x474f445245433031ull /* "GODREC01" */

/* `instance` is a hash of the guest's name: a disk of another guest is an error, not a log to go on with. */
typedef struct {
    uint64_t magic, boots, instance;
} Super;

/* One block: header, filling made from the sequence number, checksum of all before it in the last word. */
typedef struct {
    uint64_t magic, disk, boots, sequence, instance;
    uint64_t filling[BLOCK / 8 - 6];
    uint64_t checksum;
} Record;

_Static_assert(sizeof(Record) == BLOCK, "a record is one block");

typedef struct {
    int number, fd, usable;
    uint64_t boots;
    _Atomic uint64_t acknowledged;
} Disk;

static char command_line[4096];
static Disk disks[MAX_DISKS];
static int disk_count;
static uint64_t instance;
static _Atomic uint64_t memory_errors, disk_errors, pages_written;

static void say(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void say(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    fflush(stdout);
}

static const char *parameter(const char *key, const char *fallback)
{
    static _Thread_local char value[256];
    char word[64];
    snprintf(word, sizeof word, "gw.%s=", key);
    const char *at = strstr(command_line, word);
    if (!at)
        return fallback;
    snprintf(value, sizeof value, "%.*s", (int)strcspn(at + strlen(word), " \n"), at + strlen(word));
    return value;
}

static uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void sleep_until(uint64_t at_ns)
{
    struct timespec t = {(time_t)(at_ns / 1000000000u), (long)(at_ns % 1000000000u)};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) == EINTR)
        ;
}

/* ---- start-up */

static void load_modules(void)
{
    FILE *order = fopen("/modules/order", "r");
    char name[128], path[160];
    while (order && fscanf(order, "%127s", name) == 1) {
        snprintf(path, sizeof path, "/modules/%s", name);
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0 || syscall(SYS_finit_module, fd, "", 0) != 0)
            say("guest: module %s: %s\n", name, strerror(errno));
        if (fd >= 0)
            close(fd);
    }
    if (order)
        fclose(order);
}

static void set_up_system(void)
{
    mkdir("/proc", 0755);
    mkdir("/sys", 0755);
    mount("proc", "/proc", "proc", 0, NULL);
    mount("sysfs", "/sys", "sysfs", 0, NULL);
    mkdir("/dev", 0755);
    mount("devtmpfs", "/dev", "devtmpfs", 0, NULL);
    int fd = open("/proc/cmdline", O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        ssize_t n = read(fd, command_line, sizeof command_line - 1);
        command_line[n > 0 ? n : 0] = 0;
        close(fd);
    }
    load_modules();
}

static void set_address(int fd, unsigned long request, struct ifreq *ifr, const char *address)
{
    struct sockaddr_in *in = (struct sockaddr_in *)&ifr->ifr_addr;
    in->sin_family = AF_INET;
    inet_pton(AF_INET, address, &in->sin_addr);
    if (ioctl(fd, request, ifr) != 0)
        say("guest: address %s: %s\n", address, strerror(errno));
}

/* A fixed ARP entry for the collector: after a migration no heartbeat waits for a question to be answered. */
static void fix_neighbour(int fd, const char *address, const char *mac)
{
    struct arpreq arp = {.arp_flags = ATF_COM | ATF_PERM};
    unsigned char *m = (unsigned char *)arp.arp_ha.sa_data;
    struct sockaddr_in *in = (struct sockaddr_in *)&arp.arp_pa;
    in->sin_family = AF_INET;
    inet_pton(AF_INET, address, &in->sin_addr);
    arp.arp_ha.sa_family = ARPHRD_ETHER;
    strcpy(arp.arp_dev, "eth0");
    if (sscanf(mac, "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", m, m + 1, m + 2, m + 3, m + 4, m + 5) == 6)
        ioctl(fd, SIOCSARP, &arp);
}

/* Returns the socket, connected to the collector. */
static int set_up_network(void)
{
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct ifreq ifr = {0};
    strcpy(ifr.ifr_name, "eth0");
    set_address(fd, SIOCSIFADDR, &ifr, parameter("ip", "10.99.1.20"));
    set_address(fd, SIOCSIFNETMASK, &ifr, "255.255.255.0");
    ifr.ifr_flags = IFF_UP | IFF_RUNNING;
    ioctl(fd, SIOCSIFFLAGS, &ifr);
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(parameter("port", "9099")))};
    inet_pton(AF_INET, parameter("to", "10.99.1.1"), &to.sin_addr);
    char address[INET_ADDRSTRLEN];
    inet_ntop(AF_INET, &to.sin_addr, address, sizeof address);
    fix_neighbour(fd, address, parameter("mac", ""));
    if (connect(fd, (struct sockaddr *)&to, sizeof to) != 0)
        say("guest: network: %s\n", strerror(errno));
    return fd;
}

/* ---- disks */

#define FNV_START 1469598103934665603ull
#define FNV_PRIME 1099511628211ull

static uint64_t hash_of_name(const char *name)
{
    uint64_t hash = FNV_START;
    for (; *name; name++)
        hash = (hash ^ (unsigned char)*name) * FNV_PRIME;
    return hash;
}

static uint64_t checksum_of(const Record *record)
{
    uint64_t hash = FNV_START; /* FNV-1a, by words */
    const uint64_t *words = (const uint64_t *)record;
    for (size_t i = 0; i < BLOCK / 8 - 1; i++)
        hash = (hash ^ words[i]) * FNV_PRIME;
    return hash;
}

static void make_record(Record *record, const Disk *disk, uint64_t sequence)
{
    uint64_t x = sequence * 2862933555777941757ull + (uint64_t)disk->number + 1;
    record->magic = RECORD_MAGIC;
    record->disk = (uint64_t)disk->number;
    record->boots = disk->boots;
    record->sequence = sequence;
    record->instance = instance;
    for (size_t i = 0; i < sizeof record->filling / 8; i++) {
        x ^= x << 13, x ^= x >> 7, x ^= x << 17;
        record->filling[i] = x;
    }
    record->checksum = checksum_of(record);
}

static int is_good(const Record *record, const Disk *disk)
{
    return record->magic == RECORD_MAGIC && record->disk == (uint64_t)disk->number && record->instance == instance &&
           record->checksum == checksum_of(record);
}

static void disk_error(const Disk *disk, const char *what, uint64_t number)
{
    if (atomic_fetch_add(&disk_errors, 1) < 20)
        say("guest: disk %d: %s %llu\n", disk->number, what, (unsigned long long)number);
}

static off_t place_of(uint64_t sequence)
{
    return (off_t)(RING_AT + sequence % RING_BLOCKS) * BLOCK;
}

/* Reads the whole ring; found[slot] becomes the number of the good record in that slot, 0 for none. Returns the last number. */
static uint64_t read_ring(const Disk *disk, char *buffer, uint64_t *found)
{
    uint64_t last = 0;
    for (uint64_t slot = 0; slot < RING_BLOCKS; slot += CHUNK) {
        if (pread(disk->fd, buffer, (size_t)CHUNK * BLOCK, place_of(slot)) != (ssize_t)CHUNK * BLOCK) {
            disk_error(disk, "cannot read block", (uint64_t)place_of(slot) / BLOCK);
            continue;
        }
        for (uint64_t i = 0; i < CHUNK; i++) {
            const Record *record = (const Record *)(buffer + i * BLOCK);
            if (!is_good(record, disk) || record->sequence % RING_BLOCKS != slot + i)
                continue;
            found[slot + i] = record->sequence;
            if (record->sequence > last)
                last = record->sequence;
        }
    }
    return last;
}

/* Every record up to `last` that the ring still holds must be there. The oldest slot is excepted: the record after `last`
 * may have been half written over it when the power went, which loses nothing that was reported. */
static void count_missing(const Disk *disk, const uint64_t *found, uint64_t last)
{
    for (uint64_t sequence = last > RING_BLOCKS - 2 ? last - (RING_BLOCKS - 2) : 1; sequence <= last; sequence++)
        if (found[sequence % RING_BLOCKS] != sequence)
            disk_error(disk, "record lost before this boot", sequence);
}

static int write_super(const Disk *disk, char *buffer)
{
    memset(buffer, 0, BLOCK);
    *(Super *)buffer = (Super){SUPER_MAGIC, disk->boots, instance};
    return pwrite(disk->fd, buffer, BLOCK, 0) == BLOCK;
}

/* Takes up what an earlier boot left: the number of boots, and the last record. Returns 0 when the disk is not to be written. */
static int resume_log(Disk *disk, char *buffer)
{
    static uint64_t found[RING_BLOCKS];
    const Super *super = (const Super *)buffer;
    if (pread(disk->fd, buffer, BLOCK, 0) != BLOCK) {
        say("guest: disk %d: %s\n", disk->number, strerror(errno));
        return 0;
    }
    if (super->magic == SUPER_MAGIC && super->instance != instance) {
        say("guest: disk %d is another guest's\n", disk->number);
        return 0;
    }
    disk->boots = super->magic == SUPER_MAGIC ? super->boots : 0;
    if (disk->boots) {
        memset(found, 0, sizeof found);
        uint64_t last = read_ring(disk, buffer, found);
        count_missing(disk, found, last);
        atomic_store(&disk->acknowledged, last);
    }
    disk->boots++;
    return write_super(disk, buffer);
}

static void check_one(const Disk *disk, char *buffer, uint64_t sequence)
{
    const Record *record = (const Record *)buffer;
    if (pread(disk->fd, buffer, BLOCK, place_of(sequence)) != BLOCK || !is_good(record, disk) ||
        record->sequence != sequence)
        disk_error(disk, "cannot read back record", sequence);
}

/* Reads back one record of the ring's newer half, each time another. */
static void check_older(const Disk *disk, char *buffer, uint64_t sequence)
{
    uint64_t ages = sequence - 1 < RING_BLOCKS / 2 ? sequence - 1 : RING_BLOCKS / 2;
    if (ages)
        check_one(disk, buffer, sequence - 1 - sequence * 2654435761u % ages);
}

/* Held for reading around what is done to the disks, and for writing, for ever, by whoever powers off. */
static pthread_rwlock_t powered = PTHREAD_RWLOCK_WRITER_NONRECURSIVE_INITIALIZER_NP;

static void *write_disk(void *data)
{
    Disk *disk = data;
    char *buffer = NULL;
    double rate = atof(parameter("write", "20"));
    if (rate <= 0 || posix_memalign((void **)&buffer, BLOCK, BLOCK) != 0)
        return NULL;
    uint64_t next = now_ns();
    for (uint64_t sequence = atomic_load(&disk->acknowledged) + 1;; sequence++) {
        make_record((Record *)buffer, disk, sequence);
        pthread_rwlock_rdlock(&powered);
        while (pwrite(disk->fd, buffer, BLOCK, place_of(sequence)) != BLOCK) {
            disk_error(disk, "cannot write record", sequence);
            sleep_until(now_ns() + 100000000);
        }
        atomic_store(&disk->acknowledged, sequence);
        check_older(disk, buffer, sequence);
        pthread_rwlock_unlock(&powered);
        next += (uint64_t)(1e9 / rate);
        if (next < now_ns())
            next = now_ns(); /* late: do not catch up in a burst */
        sleep_until(next);
    }
}

static void open_disks(void)
{
    char *buffer = NULL;
    if (posix_memalign((void **)&buffer, BLOCK, (size_t)CHUNK * BLOCK) != 0)
        return;
    for (int i = 0; i < MAX_DISKS; i++) {
        char path[16];
        snprintf(path, sizeof path, "/dev/vd%c", 'a' + i);
        int fd = open(path, O_RDWR | O_DIRECT | O_DSYNC | O_CLOEXEC);
        if (fd < 0)
            break;
        Disk *disk = &disks[disk_count++];
        disk->number = i;
        disk->fd = fd;
        disk->usable = resume_log(disk, buffer);
        if (!disk->usable)
            atomic_fetch_add(&disk_errors, 1);
    }
    free(buffer);
}

/* ---- memory */

typedef struct {
    volatile uint64_t *words;
    uint64_t *generations; /* of each page, kept elsewhere: a page that is lost or put back shows */
    uint64_t pages;
} Memory;

static uint64_t mark_of(uint64_t page, uint64_t generation, uint64_t mark)
{
    return (generation * FNV_PRIME) ^ (page << 20) ^ mark;
}

/* The marks' place within their 512 bytes moves with the page, so that all offsets are used. */
static volatile uint64_t *mark_at(const Memory *memory, uint64_t page, uint64_t mark)
{
    return memory->words + page * (PAGE / 8) + mark * (PAGE / 8 / MARKS) + page % (PAGE / 8 / MARKS);
}

static void check_page(const Memory *memory, uint64_t page)
{
    int bad = 0;
    for (uint64_t mark = 0; mark < MARKS; mark++)
        bad |= *mark_at(memory, page, mark) != mark_of(page, memory->generations[page], mark);
    if (bad)
        atomic_fetch_add(&memory_errors, 1);
}

static void write_page(const Memory *memory, uint64_t page)
{
    uint64_t generation = ++memory->generations[page];
    for (uint64_t mark = 0; mark < MARKS; mark++)
        *mark_at(memory, page, mark) = mark_of(page, generation, mark);
}

static int make_memory(Memory *memory)
{
    memory->pages = strtoull(parameter("set", "64"), NULL, 10) * (1 << 20) / PAGE;
    void *at = mmap(NULL, memory->pages * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    memory->generations = calloc(memory->pages, sizeof *memory->generations);
    if (at == MAP_FAILED || !memory->generations || !memory->pages)
        return 0;
    memory->words = at;
    for (uint64_t page = 0; page < memory->pages; page++)
        write_page(memory, page);
    return 1;
}

/* The pages in turn, or, as most programs do, here and there (xorshift64*). */
static uint64_t next_page(const Memory *memory, uint64_t written, uint64_t *scatter)
{
    if (!*scatter)
        return written % memory->pages;
    *scatter ^= *scatter >> 12;
    *scatter ^= *scatter << 25;
    *scatter ^= *scatter >> 27;
    return (*scatter * 0x2545F4914F6CDD1Dull >> 16) % memory->pages;
}

static void *dirty_memory(void *data)
{
    Memory memory = {0};
    (void)data;
    if (!make_memory(&memory)) {
        say("guest: no working set of that size\n");
        return NULL;
    }
    double per_slice = atof(parameter("dirty", "0")) * 1e6 / PAGE / SLICES, due = 0; /* from MB/s */
    uint64_t sweep = memory.pages / (SLICES * SWEEP_SECONDS) + 1;
    uint64_t written = 0, checked = 0, next = now_ns(), scatter = strcmp(parameter("order", "turn"), "scattered") == 0;
    for (;;) {
        for (due += per_slice; due >= 1; due -= 1, written++) {
            uint64_t page = next_page(&memory, written, &scatter);
            check_page(&memory, page);
            write_page(&memory, page);
        }
        atomic_store(&pages_written, written);
        for (uint64_t i = 0; i < sweep; i++)
            check_page(&memory, checked++ % memory.pages);
        next += 1000000000 / SLICES;
        if (next < now_ns())
            next = now_ns();
        sleep_until(next);
    }
}

/* ---- power and heartbeat */

/* Every record is on its disk when its write returns, so that nothing has to be waited for but the writes under way: Linux takes the disks
 * away under them (virtio_dev_shutdown), and they fail. Not for ever: a disk may hang. */
static void power_off(void)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += 2;
    say("guest: power button\n");
    pthread_rwlock_timedwrlock(&powered, &until);
    sync();
    reboot(RB_POWER_OFF);
}

static struct pollfd inputs[8];
static int input_count;

/* Before the first heartbeat, so that whoever has heard one may press the button: an event that nobody has open is lost. */
static void open_inputs(void)
{
    for (int i = 0; i < (int)(sizeof inputs / sizeof *inputs); i++) {
        char path[32];
        snprintf(path, sizeof path, "/dev/input/event%d", i);
        int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
        if (fd >= 0)
            inputs[input_count++] = (struct pollfd){.fd = fd, .events = POLLIN};
    }
    if (!input_count)
        say("guest: no power button\n");
}

/* libvirt asks for a shutdown, and for a reboot, by pressing the ACPI power button; after a reboot it starts the guest anew. */
static __attribute__((noreturn)) void *wait_for_power_button(void *data)
{
    (void)data;
    for (;;) {
        poll(inputs, (nfds_t)input_count, -1);
        for (int i = 0; i < input_count; i++) {
            struct input_event event;
            while (read(inputs[i].fd, &event, sizeof event) == sizeof event)
                if (event.type == EV_KEY && event.code == KEY_POWER && event.value == 1)
                    power_off();
        }
    }
}

/* Different for each boot. The kernel's generator is not ready so early, and waiting for it would delay the first heartbeat by
 * a second or more; the clock makes up for what it may lack. */
static void make_boot_id(uint64_t *boot_id)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    if (syscall(SYS_getrandom, boot_id, sizeof *boot_id, GRND_INSECURE) != sizeof *boot_id)
        *boot_id = 0;
    *boot_id ^= ((uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec) * FNV_PRIME;
}

static __attribute__((noreturn)) void beat(int fd)
{
    uint64_t boot_id = 0, interval = strtoull(parameter("beat", "10"), NULL, 10) * 1000000, next = now_ns();
    char name[64];
    snprintf(name, sizeof name, "%s", parameter("name", "guest"));
    make_boot_id(&boot_id);
    for (uint64_t sequence = 1;; sequence++) {
        char text[512];
        int n = snprintf(text, sizeof text, "GW1 %s %016llx %llu %llu %llu %llu %llu %llu", name,
                         (unsigned long long)boot_id, (unsigned long long)disks[0].boots, (unsigned long long)sequence,
                         (unsigned long long)now_ns(), (unsigned long long)atomic_load(&memory_errors),
                         (unsigned long long)atomic_load(&disk_errors),
                         (unsigned long long)atomic_load(&pages_written));
        for (int i = 0; i < disk_count; i++)
            n += snprintf(text + n, sizeof text - (size_t)n, " %llu",
                          (unsigned long long)atomic_load(&disks[i].acknowledged));
        send(fd, text, (size_t)n, MSG_DONTWAIT); /* an unsent one is a lost one, which the numbers tell */
        next += interval;
        if (next < now_ns())
            next = now_ns();
        sleep_until(next);
    }
}

int main(void)
{
    pthread_t thread;
    set_up_system();
    instance = hash_of_name(parameter("name", "guest"));
    int fd = set_up_network();
    open_disks();
    open_inputs();
    say("guest: up, %d disk(s)\n", disk_count);
    pthread_create(&thread, NULL, dirty_memory, NULL);
    pthread_create(&thread, NULL, wait_for_power_button, NULL);
    for (int i = 0; i < disk_count; i++)
        if (disks[i].usable)
            pthread_create(&thread, NULL, write_disk, &disks[i]);
    beat(fd);
    return 0;
}
