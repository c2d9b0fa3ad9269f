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
#include "guest.h"

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
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/random.h>
#include <sys/reboot.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static char command_line[4096];

void say(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    fflush(stdout);
}

const char *parameter(const char *key, const char *fallback)
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

uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

void sleep_until(uint64_t at_ns)
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

/* ---- power and heartbeat */

/* Every record is on its disk when its write returns, so that nothing has to be waited for but the writes under way. */
static void power_off(void)
{
    say("guest: power button\n");
    quiesce_disks();
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
                         (unsigned long long)boot_id, (unsigned long long)boots_of_disk(0), (unsigned long long)sequence,
                         (unsigned long long)now_ns(), (unsigned long long)atomic_load(&memory_errors),
                         (unsigned long long)atomic_load(&disk_errors),
                         (unsigned long long)atomic_load(&pages_written));
        for (int i = 0; i < count_disks(); i++)
            n += snprintf(text + n, sizeof text - (size_t)n, " %llu",
                          (unsigned long long)acknowledged_of_disk(i));
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
    open_inputs();
    say("guest: up, %d disk(s)\n", count_disks());
    write_memory();
    pthread_create(&thread, NULL, wait_for_power_button, NULL);
    write_disks();
    beat(fd);
    return 0;
}
