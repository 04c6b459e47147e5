package io.github.connlimit.it;

import org.junit.jupiter.api.Tag;

@Tag("netty")
@Tag("plain")
class NettyPlainIT extends ConnectionLimitContract<NettyServer> implements PlainRespondContract {

    NettyPlainIT() {
        super(NettyServer::new, Transport.PLAIN);
    }
}
