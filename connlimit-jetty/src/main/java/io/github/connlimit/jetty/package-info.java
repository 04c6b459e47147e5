/**
 * The limiter for Jetty 12: {@link io.github.connlimit.jetty.ConnectionLimitListener} for one connector,
 * {@link io.github.connlimit.jetty.ConnectionLimitInstaller} for all connectors of a server, and
 * {@link io.github.connlimit.jetty.ConnectionLimitHandler} for what only a request can tell.
 */
package io.github.connlimit.jetty;
