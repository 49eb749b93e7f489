// How jemalloc, which the executable is linked with, is set up. It reads this before main (jemalloc(3), TUNING).

// A thread of its own returns what is no longer used to the system, also when the server has become idle. Few arenas: there
// are hundreds of threads, one a connection, but few of them run at a time.
extern "C" __attribute__((visibility("default"))) const char* malloc_conf;
const char* malloc_conf = "background_thread:true,narenas:4";
