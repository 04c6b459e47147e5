/**
 * Counts the open connections of each client and refuses those that would exceed the client's limit.
 *
 * <p>{@link io.github.connlimit.ConnectionLimiter} is where to start; the servers' adapters are modules of their own.
 */
package io.github.connlimit;
