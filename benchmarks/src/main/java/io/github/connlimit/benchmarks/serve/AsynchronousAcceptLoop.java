package io.github.connlimit.benchmarks.serve;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.channels.AsynchronousServerSocketChannel;
import java.nio.channels.AsynchronousSocketChannel;
import java.nio.channels.CompletionHandler;

/** The most that a Java process can refuse by asynchronous channels: accepts and closes. */
final class AsynchronousAcceptLoop implements CompletionHandler<AsynchronousSocketChannel, Void> {

    private final AsynchronousServerSocketChannel listening;

    private AsynchronousAcceptLoop(AsynchronousServerSocketChannel listening) {
        this.listening = listening;
    }

    /** Returns its port. */
    static int start(Setup setup) throws IOException {
        AsynchronousServerSocketChannel listening = AsynchronousServerSocketChannel.open();
        listening.bind(new InetSocketAddress(setup.address(), setup.port()), Setup.BACKLOG);
        listening.accept(null, new AsynchronousAcceptLoop(listening));
        return ((InetSocketAddress) listening.getLocalAddress()).getPort();
    }

    @Override
    public void completed(AsynchronousSocketChannel accepted, Void attachment) {
        listening.accept(null, this);
        try (accepted) {
            // Nothing more.
        } catch (IOException gone) {
            // The client was faster.
        }
    }

    @Override
    public void failed(Throwable error, Void attachment) {
        listening.accept(null, this);
    }
}
