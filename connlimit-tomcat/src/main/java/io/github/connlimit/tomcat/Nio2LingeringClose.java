package io.github.connlimit.tomcat;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.AsynchronousSocketChannel;
import java.nio.channels.CompletionHandler;
import java.util.concurrent.TimeUnit;

/** For NIO2: each that lingers has one asynchronous operation under way, with a time-out. */
final class Nio2LingeringClose extends LingeringClose<AsynchronousSocketChannel> {

    Nio2LingeringClose(Transport<AsynchronousSocketChannel> transport) {
        super(transport);
    }

    @Override
    void begin(Farewell farewell) {
        new Conversation(farewell).send();
    }

    private static final class Conversation implements CompletionHandler<Integer, Void> {

        private final LingeringClose<AsynchronousSocketChannel>.Farewell farewell;

        /** {@code null} until the answer has been sent. */
        private ByteBuffer buffer;

        Conversation(LingeringClose<AsynchronousSocketChannel>.Farewell farewell) {
            this.farewell = farewell;
        }

        void send() {
            farewell.channel.write(farewell.response, timeout(), TimeUnit.MILLISECONDS, null, this);
        }

        private void receive() {
            farewell.channel.read(buffer.clear(), timeout(), TimeUnit.MILLISECONDS, null, this);
        }

        /** At least 1, as 0 would mean no time-out. */
        private long timeout() {
            return Math.max(1, farewell.millisLeft());
        }

        @Override
        public void completed(Integer count, Void attachment) {
            try {
                proceed(count);
            } catch (Throwable error) {
                failed(error, attachment);
            }
        }

        private void proceed(int count) throws IOException {
            if (farewell.millisLeft() <= 0) {
                farewell.end();
            } else if (farewell.response.hasRemaining()) {
                send();
            } else if (buffer == null) {
                farewell.channel.shutdownOutput();
                buffer = ByteBuffer.allocate(BUFFER_BYTES);
                receive();
            } else if (count > 0 && farewell.received(count)) {
                receive();
            } else {
                farewell.end();
            }
        }

        @Override
        public void failed(Throwable error, Void attachment) {
            farewell.fail(error);
        }
    }
}
