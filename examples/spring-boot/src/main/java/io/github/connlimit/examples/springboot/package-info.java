/** A Spring Boot application whose connections are limited by the starter. */
package io.github.connlimit.examples.springboot;
