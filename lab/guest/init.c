/* The lab's guest: the only process of a Debian kernel. It gives a migration something to lose, and proves that nothing was:
 *   - memory: every page of a working set carries its number and generation; each is checked before it is written again;
 *   - disks: records of 4 KiB with a sequence number and a checksum, written with O_DIRECT|O_DSYNC, older ones read back;
 *     a sequence number is reported only after its write has returned, so that a reported record that is missing is a lost one;
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
    MAX_BUTTONS = 8,
    RING_AT = 256,     /* first record's block: 1 MiB into the disk */
    RING_BLOCKS = 4096 /* 16 MiB of records, then over again */
};

#define SUPER_MAGIC 0x474f445749543031ull  /* "GODWIT01" */
#define RECORD_MAGIC 0x474f445245433031ull /* "GODREC01" */

typedef struct {
    uint64_t magic, boots;
} Super;

/* One block: header, filling made from the sequence number, checksum of all before it in the last word. */
typedef struct {
    uint64_t magic, disk, boots, sequence;
    uint64_t filling[BLOCK / 8 - 5];
    uint64_t checksum;
} Record;

_Static_assert(sizeof(Record) == BLOCK, "a record is one block");

typedef struct {
    int number, fd;
    uint64_t boots;
    _Atomic uint64_t acknowledged;
} Disk;

static char command_line[4096];
static Disk disks[MAX_DISKS];
static int disk_count;
static int buttons[MAX_BUTTONS], button_count;
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

static uint64_t checksum_of(const Record *record)
{
    uint64_t hash = 1469598103934665603ull; /* FNV-1a, by words */
    const uint64_t *words = (const uint64_t *)record;
    for (size_t i = 0; i < BLOCK / 8 - 1; i++)
        hash = (hash ^ words[i]) * 1099511628211ull;
    return hash;
}

static void make_record(Record *record, const Disk *disk, uint64_t sequence)
{
    uint64_t x = sequence * 2862933555777941757ull + (uint64_t)disk->number + 1;
    record->magic = RECORD_MAGIC;
    record->disk = (uint64_t)disk->number;
    record->boots = disk->boots;
    record->sequence = sequence;
    for (size_t i = 0; i < sizeof record->filling / 8; i++) {
        x ^= x << 13, x ^= x >> 7, x ^= x << 17;
        record->filling[i] = x;
    }
    record->checksum = checksum_of(record);
}

static int is_good(const Record *record, const Disk *disk)
{
    return record->magic == RECORD_MAGIC && record->disk == (uint64_t)disk->number &&
           record->checksum == checksum_of(record);
}

static off_t place_of(uint64_t sequence)
{
    return (off_t)(RING_AT + sequence % RING_BLOCKS) * BLOCK;
}

/* Finds what an earlier boot left: the number of boots, and the last record. */
static void read_history(Disk *disk, char *buffer)
{
    Super *super = (Super *)buffer;
    if (pread(disk->fd, buffer, BLOCK, 0) == BLOCK && super->magic == SUPER_MAGIC)
        disk->boots = super->boots;
    uint64_t last = 0;
    for (uint64_t i = 0; disk->boots && i < RING_BLOCKS; i++) {
        const Record *record = (const Record *)buffer;
        if (pread(disk->fd, buffer, BLOCK, place_of(i)) != BLOCK || !is_good(record, disk))
            break;
        if (record->sequence > last)
            last = record->sequence;
    }
    atomic_store(&disk->acknowledged, last);
    memset(buffer, 0, BLOCK);
    super->magic = SUPER_MAGIC;
    super->boots = ++disk->boots;
    if (pwrite(disk->fd, buffer, BLOCK, 0) != BLOCK)
        atomic_fetch_add(&disk_errors, 1);
}

static void check_one(const Disk *disk, char *buffer, uint64_t sequence)
{
    const Record *record = (const Record *)buffer;
    if (pread(disk->fd, buffer, BLOCK, place_of(sequence)) != BLOCK || !is_good(record, disk) ||
        record->sequence != sequence)
        atomic_fetch_add(&disk_errors, 1);
}

static void *write_disk(void *data)
{
    Disk *disk = data;
    char *buffer = NULL;
    double rate = atof(parameter("write", "20"));
    if (rate <= 0 || posix_memalign((void **)&buffer, BLOCK, BLOCK) != 0)
        return NULL;
    uint64_t first = atomic_load(&disk->acknowledged) + 1;
    uint64_t next = now_ns();
    for (uint64_t sequence = first;; sequence++) {
        make_record((Record *)buffer, disk, sequence);
        if (pwrite(disk->fd, buffer, BLOCK, place_of(sequence)) == BLOCK)
            atomic_store(&disk->acknowledged, sequence);
        else
            atomic_fetch_add(&disk_errors, 1);
        uint64_t age = sequence % (RING_BLOCKS / 2);
        if (sequence - age >= first && age)
            check_one(disk, buffer, sequence - age);
        next += (uint64_t)(1e9 / rate);
        if (next < now_ns())
            next = now_ns(); /* late: do not catch up in a burst */
        sleep_until(next);
    }
}

static void open_disks(void)
{
    char *buffer = NULL;
    if (posix_memalign((void **)&buffer, BLOCK, BLOCK) != 0)
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
        read_history(disk, buffer);
    }
    free(buffer);
}

/* ---- memory */

static void check_page(const volatile uint64_t *page, uint64_t number, uint64_t generation)
{
    if (generation && (page[0] != generation || page[1] != number || page[PAGE / 8 - 1] != (generation ^ ~number)))
        atomic_fetch_add(&memory_errors, 1);
}

static void write_page(volatile uint64_t *page, uint64_t number, uint64_t generation)
{
    page[0] = generation;
    page[1] = number;
    page[PAGE / 8 - 1] = generation ^ ~number;
}

static void *dirty_memory(void *data)
{
    (void)data;
    double rate = atof(parameter("dirty", "0")); /* MB/s */
    uint64_t pages = strtoull(parameter("set", "64"), NULL, 10) * 256;
    volatile uint64_t *memory =
        mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    uint64_t *generations = calloc(pages, sizeof *generations);
    if (memory == MAP_FAILED || !generations) {
        say("guest: not enough memory for the working set\n");
        return NULL;
    }
    const uint64_t slice_ns = 10000000;
    uint64_t per_slice = (uint64_t)(rate * 1e6 / PAGE / 100), at = 0, next = now_ns();
    while (per_slice) {
        for (uint64_t i = 0; i < per_slice; i++, at = (at + 1) % pages) {
            volatile uint64_t *page = memory + at * (PAGE / 8);
            check_page(page, at, generations[at]);
            write_page(page, at, ++generations[at]);
        }
        atomic_fetch_add(&pages_written, per_slice);
        next += slice_ns;
        if (next < now_ns())
            next = now_ns();
        sleep_until(next);
    }
    return NULL;
}

/* ---- power and heartbeat */

/* Before the first heartbeat, so that whoever has heard one may press the button. */
static void open_buttons(void)
{
    for (int i = 0; i < MAX_BUTTONS; i++) {
        char path[32];
        snprintf(path, sizeof path, "/dev/input/event%d", i);
        int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
        if (fd >= 0)
            buttons[button_count++] = fd;
    }
}

static __attribute__((noreturn)) void *wait_for_power_button(void *data)
{
    (void)data;
    for (;;) {
        for (int i = 0; i < button_count; i++) {
            struct input_event event;
            while (read(buttons[i], &event, sizeof event) == sizeof event) {
                if (event.type == EV_KEY && event.code == KEY_POWER && event.value == 1) {
                    say("guest: power button\n");
                    sync();
                    reboot(RB_POWER_OFF);
                }
            }
        }
        usleep(50000);
    }
}

static __attribute__((noreturn)) void beat(int fd)
{
    uint64_t boot_id = 0, interval = strtoull(parameter("beat", "10"), NULL, 10) * 1000000, next = now_ns();
    char name[64];
    snprintf(name, sizeof name, "%s", parameter("name", "guest"));
    if (syscall(SYS_getrandom, &boot_id, sizeof boot_id, 0) != sizeof boot_id)
        boot_id = next;
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
    int fd = set_up_network();
    open_disks();
    open_buttons();
    say("guest: up, %d disk(s)\n", disk_count);
    pthread_create(&thread, NULL, dirty_memory, NULL);
    pthread_create(&thread, NULL, wait_for_power_button, NULL);
    for (int i = 0; i < disk_count; i++)
        pthread_create(&thread, NULL, write_disk, &disks[i]);
    beat(fd);
    return 0;
}
