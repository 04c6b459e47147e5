package io.github.connlimit.it;

import org.junit.jupiter.api.Tag;

@Tag("netty")
@Tag("full")
class NettyTlsIT extends ConnectionLimitContract<NettyServer> implements TlsContract, SocketServerContract {

    NettyTlsIT() {
        super(NettyServer::new, Transport.TLS);
    }
}
