#include "cli/terminal.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

/* A signal handler can reach nothing but a global. */
static gint interrupted;

GwTerminal gw_terminal_of(FILE *stream)
{
    const char *kind = getenv("TERM");
    const char *no_colour = getenv("NO_COLOR");
    GwTerminal terminal = {.stream = stream};
    terminal.live = isatty(fileno(stream)) && kind && *kind && strcmp(kind, "dumb") != 0;
    terminal.colour = terminal.live && !(no_colour && *no_colour);
    return terminal;
}

guint gw_terminal_columns(const GwTerminal *terminal)
{
    struct winsize size;
    if (ioctl(fileno(terminal->stream), TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
        return size.ws_col;
    const char *columns = getenv("COLUMNS");
    int told = columns ? atoi(columns) : 0;
    return told > 0 ? (guint)told : 80;
}

void gw_terminal_draw(const GwTerminal *terminal, const char *line)
{
    fprintf(terminal->stream, "\r%s\033[K", line);
    fflush(terminal->stream);
}

void gw_terminal_erase(const GwTerminal *terminal)
{
    gw_terminal_draw(terminal, "");
}

/* Without echo, and without signals, so that the terminal is always put back. */
static char *read_line(FILE *in, FILE *out, const char *prompt)
{
    struct termios before, quiet;
    char line[1024];
    if (tcgetattr(fileno(in), &before) != 0)
        return NULL;
    quiet = before;
    quiet.c_lflag &= ~(tcflag_t)(ECHO | ISIG);
    fputs(prompt, out);
    fflush(out);
    tcsetattr(fileno(in), TCSAFLUSH, &quiet);
    char *got = fgets(line, sizeof line, in);
    tcsetattr(fileno(in), TCSAFLUSH, &before);
    fputs("\n", out);
    gboolean given = got && !strchr(line, '\003'); /* control-C */
    line[got ? strcspn(line, "\r\n") : 0] = '\0';
    char *secret = given ? g_strdup(line) : NULL;
    explicit_bzero(line, sizeof line);
    return secret;
}

char *gw_terminal_ask_secret(const char *prompt, GError **error)
{
    FILE *in = fopen("/dev/tty", "r"), *out = fopen("/dev/tty", "w");
    char *secret = in && out ? read_line(in, out, prompt) : NULL;
    if (!secret)
        g_set_error(error, GW_ERROR, GW_ERROR_INVALID, "%s",
                    in && out ? "no password was given" : "there is no terminal to ask on: use --password-file");
    if (in)
        fclose(in);
    if (out)
        fclose(out);
    return secret;
}

static void on_signal(int number)
{
    g_atomic_int_set(&interrupted, 1);
}

void gw_interrupt_catch(void)
{
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

const gint *gw_interrupt_flag(void)
{
    return &interrupted;
}

void gw_interrupt_sleep(guint ms)
{
    struct timespec pause = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};
    if (!g_atomic_int_get(&interrupted))
        nanosleep(&pause, NULL);
}
