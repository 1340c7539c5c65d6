// roundtrip HOST PORT FILE COUNT: sends the requests of FILE (each a 32-bit length and its bytes) one after another on
// one connection, again from the first when they are used up, and prints the microseconds until each answer was there,
// one a line. What a client that costs nothing would wait for.
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

static char answer[1 << 22];

static double microseconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1e6 + now.tv_nsec / 1e3;
}

// Reads one answer; 0 when the connection ended or its status is not 200.
static int receive(int wire) {
    size_t have = 0, whole = 0;
    while (whole == 0 || have < whole) {
        ssize_t count = read(wire, answer + have, sizeof answer - 1 - have);
        if (count <= 0) return 0;
        answer[have += count] = 0;
        char *end = whole == 0 ? strstr(answer, "\r\n\r\n") : NULL;
        if (end == NULL) continue;
        whole = end + 4 - answer;
        for (char *line = answer; line < end; line = strstr(line, "\r\n") + 2)
            if (strncasecmp(line, "content-length:", 15) == 0) whole += strtoul(line + 15, NULL, 10);
    }
    return strncmp(answer + 9, "200", 3) == 0;
}

int main(int count, char **arguments) {
    if (count != 5) return 2;
    FILE *file = fopen(arguments[3], "rb");
    int wire = socket(AF_INET, SOCK_STREAM, 0), on = 1;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(atoi(arguments[2]))};
    inet_pton(AF_INET, arguments[1], &address.sin_addr);
    if (file == NULL || connect(wire, (struct sockaddr *)&address, sizeof address) != 0) return 1;
    setsockopt(wire, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    char *request = NULL;
    for (int left = atoi(arguments[4]); left > 0; left--) {
        uint32_t size;
        if (fread(&size, 4, 1, file) != 1) {
            rewind(file);
            if (fread(&size, 4, 1, file) != 1) return 1;
        }
        request = realloc(request, size);
        if (request == NULL || fread(request, 1, size, file) != size) return 1;
        double start = microseconds();
        for (uint32_t sent = 0; sent < size;) {
            ssize_t part = write(wire, request + sent, size - sent);
            if (part <= 0) return 1;
            sent += part;
        }
        if (!receive(wire)) return 1;
        printf("%.1f\n", microseconds() - start);
    }
    return 0;
}
