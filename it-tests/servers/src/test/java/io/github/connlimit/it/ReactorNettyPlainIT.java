package io.github.connlimit.it;

import org.junit.jupiter.api.Tag;

@Tag("netty")
@Tag("plain")
class ReactorNettyPlainIT extends ConnectionLimitContract<ReactorNettyServer>
        implements HttpContract, StreamContract, PlainRespondContract {

    ReactorNettyPlainIT() {
        super(ReactorNettyServer::new, Transport.PLAIN);
    }
}
