/* A call's processes write to a named pipe in state_folder and hold a lock on it, which the kernel drops with the last
 * of them. By that lock any later process sees that the call is still under way, whatever became of the one that began
 * it; and since each of them can also read the pipe, they are not killed by writing when nobody else reads it. */
#include "engine/hook_files.h"

#include "base/error.h"

#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <signal.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    POLL_MS = 50,
    GRACE_MS = 5000, /* between asking a hook that takes too long to end, and making it */
    LOST_GRACE_MS = 1000, /* the same when another daemon is about to call it: it begins when our lease is over, not
                             when we have noticed */
    LATER_EXIT = 75, /* EX_TEMPFAIL of sysexits.h */
    LINE_LENGTH = 200,
    TAIL = 4096, /* of what it says, so much is kept */
    READS =
        1024, /* of that size, at one look: one that never ceases to talk is not to keep us from looking at the clock */
    LOCK_FD = 3,
};

typedef struct {
    const GwHookFile *file;
    char *pipe; /* path */
    int reader;
    GPid child;
    char tail[TAIL];
    gsize length;
    gboolean asked; /* to end, because it took too long or is another daemon's */
    gint64 due_us; /* monotonic: when it is asked, or made */
} Run;

/* ---- which there are */

static gboolean others_may_change(const struct stat *info)
{
    return (info->st_uid != 0 && info->st_uid != geteuid()) || info->st_mode & (S_IWGRP | S_IWOTH);
}

static gboolean check_owner(const char *path, const struct stat *info, const char *mode, GError **error)
{
    if (others_may_change(info))
        g_set_error(error, GW_ERROR, GW_ERROR_INVALID,
                    "hook: %s can be changed by others than its owner, or its owner is neither root nor Godwit's user: "
                    "chown and chmod %s it",
                    path, mode);
    return !others_may_change(info);
}

gboolean gw_hook_file_check(const char *folder, const char *hook, GError **error)
{
    g_autofree char *path = g_build_filename(*folder ? folder : "/", hook, NULL);
    struct stat info, folder_info;
    if (!*folder || !*hook || *hook == '.' || strchr(hook, '/'))
        g_set_error(error, GW_ERROR, GW_ERROR_INVALID,
                    "hook: '%s' is neither a URL (http://, https://) nor the name of a file in hook_dir (%s)", hook,
                    *folder ? folder : "not set");
    else if (stat(path, &info) != 0 || !S_ISREG(info.st_mode) || access(path, X_OK) != 0)
        g_set_error(error, GW_ERROR, GW_ERROR_INVALID,
                    "hook: %s is no file that Godwit may execute: put it there, on the machine of every godwitd, and "
                    "chmod 0755 it",
                    path);
    else if (stat(folder, &folder_info) != 0)
        g_set_error(error, GW_ERROR, GW_ERROR_INVALID, "hook: hook_dir %s: %s", folder, g_strerror(errno));
    else
        return check_owner(path, &info, "0755", error) && check_owner(folder, &folder_info, "0755", error);
    return FALSE;
}

/* ---- the pipe, which is also the lock */

static char *pipe_of(const GwHookFile *file)
{
    g_autofree char *host = g_uri_escape_string(file->host, NULL, FALSE);
    g_autofree char *name = g_strdup_printf("%" G_GINT64_FORMAT "-%s-%s", file->rolling_id, file->phase, host);
    return g_build_filename(file->state_folder, name, NULL);
}

static int open_pipe(const char *path)
{
    if (mkfifo(path, 0600) != 0 && errno != EEXIST)
        return -1;
    return open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW);
}

/* It may have been taken away between the opening and the locking. */
static gboolean is_there(int pipe, const char *path)
{
    struct stat own, there;
    return fstat(pipe, &own) == 0 && stat(path, &there) == 0 && own.st_ino == there.st_ino &&
           own.st_dev == there.st_dev;
}

/* TRUE: no process of the call lives. */
static gboolean take_away_idle(const char *path)
{
    int pipe = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW);
    gboolean idle = pipe < 0 || flock(pipe, LOCK_EX | LOCK_NB) == 0;
    if (pipe >= 0 && idle && is_there(pipe, path))
        unlink(path);
    if (pipe >= 0)
        close(pipe);
    return idle;
}

void gw_hook_files_sweep(const char *state_folder)
{
    g_autoptr(GDir) folder = g_dir_open(state_folder, 0, NULL);
    for (const char *name = folder ? g_dir_read_name(folder) : NULL; name; name = g_dir_read_name(folder)) {
        g_autofree char *path = g_build_filename(state_folder, name, NULL);
        struct stat info;
        if (lstat(path, &info) == 0 && S_ISFIFO(info.st_mode))
            take_away_idle(path);
    }
}

static void read_on(Run *run, int pipe)
{
    char buffer[TAIL];
    for (guint n = 0; n < READS; n++) {
        ssize_t got = read(pipe, buffer, sizeof buffer);
        if (got <= 0)
            return;
        gsize kept = MIN(run->length, TAIL - (gsize)got);
        memmove(run->tail, run->tail + run->length - kept, kept);
        memcpy(run->tail + kept, buffer, (gsize)got);
        run->length = kept + (gsize)got;
    }
}

static gboolean has_time(const Run *run)
{
    return g_atomic_int_get(run->file->wish) == GW_HOOK_WATCH && g_get_monotonic_time() < run->due_us;
}

/* The pipe, locked; -1: it cannot be had, or the call of a process that is gone does not end. */
static int take_pipe(Run *run, char **ret_message)
{
    int pipe;
    while ((pipe = open_pipe(run->pipe)) >= 0) {
        gboolean locked = flock(pipe, LOCK_EX | LOCK_NB) == 0;
        if (locked && is_there(pipe, run->pipe))
            return pipe;
        while (!locked && has_time(run) && flock(pipe, LOCK_EX | LOCK_NB) != 0) {
            read_on(run, pipe); /* whoever wrote there is not to stand still for it */
            g_usleep(POLL_MS * 1000);
        }
        close(pipe);
        if (!has_time(run)) {
            *ret_message =
                g_strdup_printf("the hook %s %s %s, as a godwitd that is gone has called it, is still under way after "
                                "%u s (hook_timeout): "
                                "see what it does, and end it (fuser -v %s)",
                                run->file->hook, run->file->phase, run->file->host, run->file->timeout_s, run->pipe);
            return -1;
        }
    }
    *ret_message =
        g_strdup_printf("the hook %s: %s cannot be opened: %s", run->file->hook, run->pipe, g_strerror(errno));
    return -1;
}

/* ---- one call */

static void lead_group(gpointer data)
{
    setsid();
}

static char **environment_of(const GwHookFile *file)
{
    g_autofree char *rolling = g_strdup_printf("%" G_GINT64_FORMAT, file->rolling_id);
    g_autofree char *drain = g_strdup_printf("%" G_GINT64_FORMAT, file->drain_id);
    char **list = g_get_environ();
    list = g_environ_setenv(list, "GODWIT_PHASE", file->phase, TRUE);
    list = g_environ_setenv(list, "GODWIT_HOST", file->host, TRUE);
    list = g_environ_setenv(list, "GODWIT_ROLLING", rolling, TRUE);
    return g_environ_setenv(list, "GODWIT_DRAIN", drain, TRUE);
}

/* The processes alone have the pipe locked then, by this descriptor, whatever they do with their output. */
static gboolean spawn(Run *run, int pipe, GError **error)
{
    const GwHookFile *file = run->file;
    g_autofree char *path = g_build_filename(file->folder, file->hook, NULL);
    g_auto(GStrv) environment = environment_of(file);
    const char *const words[] = {path, file->phase, file->host, NULL};
    int lock = fcntl(pipe, F_DUPFD_CLOEXEC, LOCK_FD + 1), target = LOCK_FD;
    gboolean ok = g_unix_set_fd_nonblocking(pipe, FALSE, error) &&
                  g_spawn_async_with_pipes_and_fds("/", words, (const char *const *)environment,
                                                   G_SPAWN_DO_NOT_REAP_CHILD, lead_group, NULL, -1, pipe, pipe, &lock,
                                                   &target, 1, &run->child, NULL, NULL, NULL, error);
    close(lock);
    return ok;
}

static void ask_to_end(Run *run, GwHookWish wish)
{
    gint64 now_us = g_get_monotonic_time();
    if (now_us < run->due_us && (run->asked || wish != GW_HOOK_END))
        return;
    kill(-run->child, run->asked ? SIGKILL : SIGTERM);
    run->due_us = now_us + (wish == GW_HOOK_END ? LOST_GRACE_MS : GRACE_MS) * 1000;
    run->asked = TRUE;
}

/* Its children, too: while it is not reaped, its group's number is nobody else's. */
static void end_group(Run *run)
{
    while (run->asked && g_get_monotonic_time() < run->due_us && !take_away_idle(run->pipe))
        g_usleep(POLL_MS * 1000);
    if (run->asked)
        kill(-run->child, SIGKILL);
}

/* TRUE: it has ended, with *ret_status. FALSE: it is left alone, or nobody knows (*ret_message). */
static gboolean await(Run *run, int *ret_status, char **ret_message)
{
    siginfo_t info = {0};
    while (!info.si_pid) {
        GwHookWish wish = (GwHookWish)g_atomic_int_get(run->file->wish);
        if (wish == GW_HOOK_LEAVE)
            return FALSE;
        ask_to_end(run, wish);
        GPollFD talk = {run->reader, G_IO_IN, 0};
        g_poll(&talk, 1, POLL_MS);
        read_on(run, run->reader);
        if (waitid(P_PID, (id_t)run->child, &info, WEXITED | WNOHANG | WNOWAIT) != 0 && errno != EINTR)
            break;
    }
    end_group(run);
    read_on(run, run->reader);
    while (waitpid(run->child, ret_status, 0) < 0) {
        if (errno == EINTR)
            continue;
        *ret_message = g_strdup_printf("the hook %s %s %s: how it ended is not known: %s", run->file->hook,
                                       run->file->phase, run->file->host, g_strerror(errno));
        return FALSE;
    }
    return TRUE;
}

/* The last line that it said. */
static char *last_line(const Run *run)
{
    g_autofree char *text = g_utf8_make_valid(run->tail, (gssize)run->length);
    const char *line = strrchr(g_strchomp(text), '\n');
    line = line ? line + 1 : text;
    return g_utf8_substring(line, 0, MIN(LINE_LENGTH, g_utf8_strlen(line, -1)));
}

static GwHookState judge(const Run *run, int status, char **ret_message)
{
    const GwHookFile *file = run->file;
    if (run->asked) {
        *ret_message = g_strdup_printf("the hook %s %s %s did not end within %u s (hook_timeout)", file->hook,
                                       file->phase, file->host, file->timeout_s);
        return GW_HOOK_BROKEN;
    }
    if (WIFEXITED(status) && (WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == LATER_EXIT))
        return WEXITSTATUS(status) == 0 ? GW_HOOK_DONE : GW_HOOK_LATER;
    g_autofree char *line = last_line(run);
    *ret_message = g_strdup_printf("the hook %s %s %s ended with %s %d%s%s", file->hook, file->phase, file->host,
                                   WIFEXITED(status) ? "status" : "signal",
                                   WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status), *line ? ": " : "", line);
    return GW_HOOK_BROKEN;
}

static GwHookState call(Run *run, int pipe, char **ret_message)
{
    g_autoptr(GError) error = NULL;
    int status = 0;
    run->reader =
        open(run->pipe, O_RDWR | O_NONBLOCK |
                            O_CLOEXEC); /* for writing, too: it is never at its end, which would wake us all the time */
    run->length = 0;
    gboolean begun =
        gw_hook_file_check(run->file->folder, run->file->hook, &error) && /* it may have changed since it was named */
        spawn(run, pipe, &error);
    close(pipe);
    GwHookState state = begun && await(run, &status, ret_message) ? judge(run, status, ret_message) : GW_HOOK_BROKEN;
    if (!begun)
        *ret_message = g_strdup(error ? error->message : "it could not be started");
    if (run->reader >= 0)
        close(run->reader);
    take_away_idle(run->pipe);
    return state;
}

GwHookState gw_hook_file_run(const GwHookFile *file, char **ret_message)
{
    Run run = {.file = file,
               .reader = -1,
               .pipe = pipe_of(file),
               .due_us = g_get_monotonic_time() + (gint64)file->timeout_s * G_USEC_PER_SEC};
    int pipe = take_pipe(&run, ret_message);
    run.due_us = g_get_monotonic_time() + (gint64)file->timeout_s * G_USEC_PER_SEC;
    GwHookState state = pipe >= 0 ? call(&run, pipe, ret_message) : GW_HOOK_BROKEN;
    g_free(run.pipe);
    return state;
}
