/* Memory: a working set whose pages carry their numbers and generations, so that one that is lost or put back shows. */
#define _GNU_SOURCE
#include "guest.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum {
    PAGE = 4096,
    MARKS = 8,    /* places in a page that carry its pattern: one in each 512 bytes */
    SLICES = 100, /* of a second: memory is written in slices of 10 ms */
    SWEEP_SECONDS = 5
};

_Atomic uint64_t memory_errors, pages_written;

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

void write_memory(void)
{
    pthread_t thread;
    pthread_create(&thread, NULL, dirty_memory, NULL);
}
