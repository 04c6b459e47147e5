package io.github.connlimit.it;

class ServerSocketTlsIT extends ConnectionLimitContract<SocketServer> implements TlsContract, SocketServerContract {

    ServerSocketTlsIT() {
        super(SocketServer::new, Transport.TLS);
    }
}
