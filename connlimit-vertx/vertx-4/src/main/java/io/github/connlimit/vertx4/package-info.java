/** Limits the concurrent connections of each client in all servers of Vert.x 4, by being on the class path. */
package io.github.connlimit.vertx4;
