package io.github.connlimit.it;

import org.junit.jupiter.api.Tag;

@Tag("netty")
class ReactorNettyTlsIT extends ConnectionLimitContract<ReactorNettyServer>
        implements HttpContract, StreamContract, TlsContract, SocketServerContract {

    ReactorNettyTlsIT() {
        super(ReactorNettyServer::new, Transport.TLS);
    }
}
