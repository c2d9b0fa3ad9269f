/* Disks: numbered, checksummed records that nothing may lose. */
#define _GNU_SOURCE
#include "guest.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    BLOCK = 4096,
    MAX_DISKS = 8,
    RING_AT = 256,     /* first record's block: 1 MiB into the disk */
    RING_BLOCKS = 4096, /* 16 MiB of records, then over again */
    CHUNK = 64,         /* blocks read at once when looking for what an earlier boot left */
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

static Disk disks[MAX_DISKS];
static int disk_count;
static uint64_t instance;
_Atomic uint64_t disk_errors;

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

void open_disks(void)
{
    instance = hash_of_name(parameter("name", "guest"));
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

void write_disks(void)
{
    pthread_t thread;
    for (int i = 0; i < disk_count; i++)
        if (disks[i].usable)
            pthread_create(&thread, NULL, write_disk, &disks[i]);
}

/* Linux takes the disks away under a write when it powers off (virtio_dev_shutdown), and the write fails. A disk may hang: not for ever. */
void quiesce_disks(void)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += 2;
    pthread_rwlock_timedwrlock(&powered, &until);
}

int count_disks(void)
{
    return disk_count;
}

uint64_t boots_of_disk(int number)
{
    return disks[number].boots;
}

uint64_t acknowledged_of_disk(int number)
{
    return atomic_load(&disks[number].acknowledged);
}
