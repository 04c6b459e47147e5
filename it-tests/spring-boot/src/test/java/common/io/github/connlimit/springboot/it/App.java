package io.github.connlimit.springboot.it;

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.SpringBootConfiguration;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.RestController;

/** An application as a user writes it: of connlimit, it knows nothing. */
@SpringBootConfiguration(proxyBeanMethods = false)
@EnableAutoConfiguration
@RestController
public class App {

    final CountDownLatch waiting = new CountDownLatch(1);
    final CountDownLatch goOn = new CountDownLatch(1);

    /** Starts it in a process of its own. */
    public static void main(String[] args) {
        SpringApplication.run(App.class, args);
    }

    @GetMapping("/")
    String ok() {
        return "OK";
    }

    @GetMapping("/thread")
    String thread() {
        return Thread.currentThread().toString();
    }

    /** Answers when it is told to. */
    @GetMapping("/wait")
    String waitUntilToldToGoOn() throws InterruptedException {
        waiting.countDown();
        return goOn.await(20, TimeUnit.SECONDS) ? "done" : "never told to go on";
    }
}
