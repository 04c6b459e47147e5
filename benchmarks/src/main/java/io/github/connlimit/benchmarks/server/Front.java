package io.github.connlimit.benchmarks.server;

import io.github.connlimit.benchmarks.serve.Protection;
import io.github.connlimit.testing.TestCertificate;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;

/** A reverse proxy in front of a server, which limits the connections of each client in its own way. */
final class Front implements AutoCloseable {

    private static final long START_SECONDS = 5;

    private final Path directory;
    private final ChildProcess process;
    private final int port;

    private Front(Path directory, ChildProcess process, int port) {
        this.directory = directory;
        this.process = process;
        this.port = port;
    }

    /** What a proxy limits, and by which of HAProxy's means. */
    enum Limit {
        CLIENT("src_conn_cur", "type ip size 100k expire 1m store conn_cur", "src_conn_cur ge %d", "src"),
        RATE("src_conn_rate", "type ip size 100k expire 1m store conn_rate(1s)", "src_conn_rate gt %d", "src"),
        NETWORK(
                "table_conn_cur",
                "type ip size 100k expire 1m store conn_cur",
                "src,ipmask(24),table_conn_cur ge %d",
                "src,ipmask(24)"),

        /** As {@link #CLIENT}, and a time for headers. */
        HEADER("timeout http-request", CLIENT.table, CLIENT.full, CLIENT.key);

        /** What HAProxy calls it. */
        private final String name;

        private final String table;
        private final String full;
        private final String key;

        Limit(String name, String table, String full, String key) {
            this.name = name;
            this.table = table;
            this.full = full;
            this.key = key;
        }
    }

    /** The proxies that are known. */
    enum Kind {
        HAPROXY("haproxy", "-v") {
            @Override
            String title(Limit limit) {
                return "HAProxy (`" + limit.name + "`) in front";
            }

            @Override
            Front start(Path executable, Cores cores, int server, Limit limit, int most, boolean tls)
                    throws IOException {
                Path directory = Files.createTempDirectory("connlimit-haproxy");
                int port = freePort();
                Path configuration = directory.resolve("haproxy.cfg");
                Files.writeString(configuration, haproxy(directory, port, server, limit, most, tls));
                return Front.start(
                        directory,
                        cores.server(List.of(executable.toString(), "-db", "-f", configuration.toString())),
                        port);
            }
        },
        NGINX("nginx", "-v") {
            @Override
            String title(Limit limit) {
                return "nginx (`limit_conn`) in front";
            }

            @Override
            Front start(Path executable, Cores cores, int server, Limit limit, int most, boolean tls)
                    throws IOException {
                Path directory = Files.createTempDirectory("connlimit-nginx");
                int port = freePort();
                Path configuration = directory.resolve("nginx.conf");
                Files.writeString(configuration, nginx(directory, port, server, most, tls));
                return Front.start(
                        directory,
                        cores.server(List.of(
                                executable.toString(),
                                "-p",
                                directory.toString(),
                                "-e",
                                "stderr",
                                "-c",
                                configuration.toString())),
                        port);
            }
        };

        private final String executable;
        private final String versionOption;

        Kind(String executable, String versionOption) {
            this.executable = executable;
            this.versionOption = versionOption;
        }

        abstract String title(Limit limit);

        Optional<Path> find() {
            return Executables.find(executable);
        }

        String version() {
            return find().map(path -> Executables.version(path, versionOption))
                    .orElse(executable + " is not installed here");
        }

        /**
         * Starts it in front of a server.
         *
         * @param limit nginx has but one for clients
         * @param most how much that limit allows
         */
        abstract Front start(Path executable, Cores cores, int server, Limit limit, int most, boolean tls)
                throws IOException;
    }

    int port() {
        return port;
    }

    private static Front start(Path directory, List<String> command, int port) throws IOException {
        ChildProcess process = new ChildProcess(command);
        long until = System.nanoTime() + TimeUnit.SECONDS.toNanos(START_SECONDS);
        while (!listens(port)) {
            if (!process.isAlive() || System.nanoTime() > until) {
                try (process) {
                    throw process.failure("does not listen on port " + port);
                }
            }
            LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(20));
        }
        return new Front(directory, process, port);
    }

    private static boolean listens(int port) {
        try (Socket socket = new Socket()) {
            socket.connect(new InetSocketAddress(InetAddress.getLoopbackAddress(), port));
            return true;
        } catch (IOException notYet) {
            return false;
        }
    }

    private static int freePort() throws IOException {
        try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            return socket.getLocalPort();
        }
    }

    private static Path certificate(Path directory) throws IOException {
        try {
            Path file = directory.resolve("server.pem");
            TestCertificate.writePem(file);
            return file;
        } catch (GeneralSecurityException error) {
            throw new IOException(error);
        }
    }

    private static String haproxy(Path directory, int port, int server, Limit limit, int most, boolean tls)
            throws IOException {
        String ssl = tls ? " ssl crt " + certificate(directory) : "";
        String headerTime = limit == Limit.HEADER ? Protection.HEADER_MILLIS + "ms" : "60s";
        return """
                global
                  maxconn 9000
                  nbthread 1
                defaults
                  mode http
                  timeout connect 5s
                  timeout client 60s
                  timeout http-request %s
                  timeout server 60s
                frontend limited
                  bind 127.0.0.1:%d backlog 1024%s
                  stick-table %s
                  tcp-request connection reject if { %s }
                  tcp-request connection track-sc0 %s
                  default_backend java
                backend java
                  http-reuse always
                  server java 127.0.0.1:%d
                """.formatted(headerTime, port, ssl, limit.table, limit.full.formatted(most), limit.key, server);
    }

    private static String nginx(Path directory, int port, int server, int maxPerClient, boolean tls)
            throws IOException {
        String ssl = "";
        String keys = "";
        if (tls) {
            Path file = certificate(directory);
            ssl = " ssl";
            keys = "ssl_certificate " + file + "; ssl_certificate_key " + file + ";";
        }
        return """
                daemon off;
                master_process off;
                worker_rlimit_nofile 20000;
                pid %1$s/nginx.pid;
                error_log stderr crit;
                events { worker_connections 9000; }
                http {
                  access_log off;
                  client_body_temp_path %1$s/body;
                  proxy_temp_path %1$s/proxy;
                  fastcgi_temp_path %1$s/fastcgi;
                  uwsgi_temp_path %1$s/uwsgi;
                  scgi_temp_path %1$s/scgi;
                  limit_conn_zone $binary_remote_addr zone=clients:10m;
                  limit_conn_status 429;
                  upstream java { server 127.0.0.1:%2$d; keepalive 64; }
                  server {
                    listen 127.0.0.1:%3$d backlog=1024%4$s;
                    %5$s
                    limit_conn clients %6$d;
                    location / {
                      proxy_pass http://java;
                      proxy_http_version 1.1;
                      proxy_set_header Connection "";
                    }
                  }
                }
                """.formatted(directory, server, port, ssl, keys, maxPerClient);
    }

    @Override
    public void close() throws IOException {
        process.close();
        try (var files = Files.walk(directory)) {
            for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
                Files.delete(file);
            }
        }
    }
}
