package io.github.connlimit.it;

/** What is between TCP and HTTP. */
enum Transport {
    PLAIN,
    TLS
}
