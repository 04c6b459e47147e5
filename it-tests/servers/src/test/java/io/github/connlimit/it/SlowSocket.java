package io.github.connlimit.it;

import java.io.IOException;
import java.io.OutputStream;
import java.net.Socket;
import java.util.ArrayDeque;
import java.util.Queue;

/** A socket that can hold back what is written to it, a TLS record for instance, and send it byte by byte. */
final class SlowSocket extends Socket {

    /** Used by the one thread that writes. */
    private final Queue<Byte> held = new ArrayDeque<>();

    private boolean holding;

    /** What is written from now on is sent by {@link #trickle} only. */
    void hold() {
        holding = true;
    }

    /**
     * Sends one byte, unless it is the last one.
     *
     * @throws IOException if the server has closed the connection
     */
    void trickle() throws IOException {
        if (held.size() > 1) {
            super.getOutputStream().write(held.remove());
        }
    }

    @Override
    public OutputStream getOutputStream() throws IOException {
        OutputStream out = super.getOutputStream();
        return new OutputStream() {
            @Override
            public void write(int b) throws IOException {
                write(new byte[] {(byte) b}, 0, 1);
            }

            @Override
            public void write(byte[] bytes, int offset, int length) throws IOException {
                if (!holding) {
                    out.write(bytes, offset, length);
                    return;
                }
                for (int i = offset; i < offset + length; i++) {
                    held.add(bytes[i]);
                }
            }
        };
    }
}
