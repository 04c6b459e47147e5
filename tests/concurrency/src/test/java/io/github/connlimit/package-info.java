/** In the package of the core, on the class path with it, for what the core shows only there. */
package io.github.connlimit;
