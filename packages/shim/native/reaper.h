#ifndef SHIM_REAPER_H
#define SHIM_REAPER_H

struct server;

/*
 * Watches for processes that end: leaders, whose endings are kept, and orphans, which the shim inherits as a subreaper and
 * which would stay zombies. Ends the program when it cannot.
 */
void start_reaping(struct server *server);

#endif
