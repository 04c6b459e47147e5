/** Limits the embedded web servers of Spring Boot 4. There is nothing here to call. */
package io.github.connlimit.springboot4;
