package io.github.connlimit.it;

class ServerSocketPlainIT extends ConnectionLimitContract<SocketServer> implements SocketServerContract {

    ServerSocketPlainIT() {
        super(SocketServer::new, Transport.PLAIN);
    }
}
