/**
 * The limiter for Jetty 12: {@link io.github.connlimit.jetty.ConnectionLimitListener} for one connector,
 * {@link io.github.connlimit.jetty.ConnectionLimitInstaller} for all connectors of a server.
 */
package io.github.connlimit.jetty;
