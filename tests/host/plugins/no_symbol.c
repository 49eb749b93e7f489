/* A shared library, but no plugin. */
#include <punctual/plugin.h>

PUNCTUAL_EXPORT int punctual_plugin_v0(void);
PUNCTUAL_EXPORT int punctual_plugin_v0(void) { return 0; }
