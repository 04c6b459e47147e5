/** A page that shows what a limiter does, live: for a servlet container, for Jetty, and for any other HTTP server. */
package io.github.connlimit.page;
