/**
 * Limits the concurrent connections of each client in Apache Tomcat 10.1 (from 10.1.6) and 11.
 *
 * <p>{@link io.github.connlimit.tomcat.ConnectionLimitHttp11NioProtocol} and
 * {@link io.github.connlimit.tomcat.ConnectionLimitHttp11Nio2Protocol} count and refuse at accept time;
 * {@link io.github.connlimit.tomcat.ConnectionLimitValve} holds the limits for all connectors of a Service.
 */
package io.github.connlimit.tomcat;
