/**
 * Limits concurrent connections per client in Jetty 12.
 *
 * <p>Most servers need only {@link io.github.connlimit.jetty.ConnectionLimitInstaller}, which limits all connectors of a
 * server. {@link io.github.connlimit.jetty.ConnectionLimitListener} limits one connector, and
 * {@link io.github.connlimit.jetty.ConnectionLimitHandler} limits what only a request reveals: long-lived streams and
 * clients behind a trusted proxy. {@link io.github.connlimit.jetty.ConnectionLimitConnector} is a connector that refuses
 * at the lowest cost.
 */
package io.github.connlimit.jetty;
