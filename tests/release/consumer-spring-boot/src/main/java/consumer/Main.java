package consumer;

import java.io.IOException;
import java.net.InetAddress;
import java.net.Socket;
import java.net.SocketException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.SpringBootVersion;
import org.springframework.boot.autoconfigure.SpringBootApplication;
import org.springframework.context.ConfigurableApplicationContext;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.RestController;

/** An application with the starter: two connections of a client get through, others do not. */
@SpringBootApplication
@RestController
public class Main {

    public static void main(String[] args) throws Exception {
        try (ConfigurableApplicationContext context =
                SpringApplication.run(Main.class, "--server.port=0", "--connlimit.max-per-client=2")) {
            int served = served(Integer.parseInt(context.getEnvironment().getProperty("local.server.port")));
            if (served != 2) {
                throw new IllegalStateException(served + " of 5 connections were served");
            }
        }
        System.out.println("connlimit-spring-boot-starter limits Spring Boot " + SpringBootVersion.getVersion());
    }

    @GetMapping("/")
    String ok() {
        return "OK";
    }

    private static int served(int port) throws IOException {
        List<Socket> clients = new ArrayList<>();
        int served = 0;
        try {
            for (int i = 0; i < 5; i++) {
                try {
                    Socket client = new Socket(InetAddress.getLoopbackAddress(), port);
                    clients.add(client);
                    client.setSoTimeout(10_000);
                    client.getOutputStream()
                            .write("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".getBytes(StandardCharsets.US_ASCII));
                    served += client.getInputStream().readNBytes(12).length == 12 ? 1 : 0;
                } catch (SocketException reset) {
                    // Refused.
                }
            }
        } finally {
            for (Socket client : clients) {
                client.close();
            }
        }
        return served;
    }
}
