package io.github.connlimit.it;

import org.junit.jupiter.api.Tag;

@Tag("plain")
class ServerSocketPlainIT extends ConnectionLimitContract<SocketServer> implements SocketServerContract {

    ServerSocketPlainIT() {
        super(SocketServer::new, Transport.PLAIN);
    }
}
