package io.github.connlimit.it;

import java.time.Duration;

/** What contract tests have in common; each contract adds what a server of some kind has to fulfil. */
interface Contract {

    /** A client with an address of its own. */
    String ALICE = "127.0.0.2";

    /** Another client. */
    String BOB = "127.0.0.3";

    /** An idle time-out not to wait long for. */
    Duration SHORT = Duration.ofMillis(300);

    TestBed<? extends TestServer> bed();
}
