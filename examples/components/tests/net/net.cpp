// SPDX-License-Identifier: Apache-2.0
// Uses the network on request, for tests of what a guest may reach. The raw trigger data is
// "command argument ...".

#include "wavs/net.hpp"
#include "wavs/http.hpp"
#include "wavs/operator.hpp"

namespace {

using wavs::Error;
using Answer = wavs::Result<std::string>;
using Arguments = std::vector<std::string>;

wavs::Result<wavs::net::Address> address_of(const std::string& ip, const std::string& port) {
    wavs::net::Address out;
    std::string_view left = ip;
    for (auto& part : out.ip) {
        const auto dot = left.find('.');
        const auto number = wavs::parse_u64(left.substr(0, dot));
        if (!number || *number > 255) {
            return Error("not an IPv4 address");
        }
        part = static_cast<std::uint8_t>(*number);
        left = dot == left.npos ? std::string_view() : left.substr(dot + 1);
    }
    out.port = static_cast<std::uint16_t>(wavs::parse_u64(port).value_or(0));
    return out;
}

/// "METHOD URL [body]": status, a space, the body.
Answer http(const Arguments& arguments) {
    wavs::http::Request request{.method = arguments.at(0), .url = arguments.at(1)};
    if (arguments.size() > 2) {
        const auto body = wavs::bytes_of(arguments[2]);
        request.body.assign(body.begin(), body.end());
    }
    request.timeout_ms = 5000;
    const auto response = wavs::http::send(request);
    if (!response) {
        return Error(response.error());
    }
    return std::to_string(response->status) + " " + std::string(wavs::text_of(response->body));
}

/// "URL": as GET, following up to five redirects.
Answer follow(const Arguments& arguments) {
    auto url = arguments.at(0);
    for (int hop = 0; hop < 5; ++hop) {
        const auto response = wavs::http::send({.url = url});
        if (!response) {
            return Error(response.error());
        }
        if (response->status < 300 || response->status > 399) {
            return std::to_string(response->status) + " " +
                   std::string(wavs::text_of(response->body));
        }
        for (const auto& [name, value] : response->headers) {
            if (name == "location") {
                url = value;
            }
        }
    }
    return Error("too many redirects");
}

/// "URL NAME VALUE": the body of a GET with this header.
Answer header(const Arguments& arguments) {
    const auto response =
        wavs::http::send({.url = arguments.at(0), .headers = {{arguments.at(1), arguments.at(2)}}});
    if (!response) {
        return Error(response.error());
    }
    return std::string(wavs::text_of(response->body));
}

/// "URL COUNT SIZE": COUNT headers of SIZE bytes each.
Answer header_bomb(const Arguments& arguments) {
    wavs::http::Request request{.url = arguments.at(0)};
    const auto count = wavs::parse_u64(arguments.at(1)).value_or(0);
    const std::string value(wavs::parse_u64(arguments.at(2)).value_or(0), 'x');
    for (std::uint64_t i = 0; i < count; ++i) {
        request.headers.emplace_back("x-" + std::to_string(i), value);
    }
    const auto response = wavs::http::send(request);
    return response ? Answer(std::to_string(response->status)) : Error(response.error());
}

Answer talk(const wavs::net::Stream& stream, const std::string& text) {
    if (const auto sent = wavs::io::write_all(stream.out, wavs::bytes_of(text)); !sent) {
        return Error(sent.error());
    }
    std::string back;
    while (back.size() < text.size()) {
        const auto piece = wavs::io::read_some(stream.in, text.size() - back.size());
        if (!piece) {
            return Error(piece.error());
        }
        if (piece->empty()) {
            return Error("the peer closed after \"" + back + "\"");
        }
        back += wavs::text_of(*piece);
    }
    return back;
}

/// "IP PORT TEXT": what comes back for TEXT.
Answer tcp(const Arguments& arguments) {
    const auto address = address_of(arguments.at(0), arguments.at(1));
    const auto stream = address ? wavs::net::connect(*address) : Error(address.error());
    return stream ? talk(*stream, arguments.at(2)) : Error(stream.error());
}

/// "NAME PORT TEXT": the same by name.
Answer tcp_name(const Arguments& arguments) {
    const auto ip = wavs::net::lookup(arguments.at(0));
    if (!ip) {
        return Error("lookup: " + ip.error());
    }
    const auto port = wavs::parse_u64(arguments.at(1)).value_or(0);
    const auto stream = wavs::net::connect({*ip, static_cast<std::uint16_t>(port)});
    return stream ? talk(*stream, arguments.at(2)) : Error(stream.error());
}

/// "IP PORT NAME TEXT": the same over TLS.
Answer tls(const Arguments& arguments) {
    const auto address = address_of(arguments.at(0), arguments.at(1));
    const auto plain = address ? wavs::net::connect(*address) : Error(address.error());
    const auto stream = plain ? wavs::net::secure(*plain, arguments.at(2)) : Error(plain.error());
    return stream ? talk(*stream, arguments.at(3)) : Error(stream.error());
}

/// "IP PORT TEXT"
Answer udp(const Arguments& arguments) {
    const auto address = address_of(arguments.at(0), arguments.at(1));
    if (!address) {
        return Error(address.error());
    }
    const auto back = wavs::net::ask_udp(*address, wavs::bytes_of(arguments.at(2)));
    return back ? Answer(std::string(wavs::text_of(*back))) : Error(back.error());
}

struct Command {
    std::string_view name;
    std::size_t arguments;
    Answer (*run)(const Arguments&);
};

constexpr Command kCommands[] = {
    {"http", 2, http},     {"follow", 1, follow},
    {"header", 3, header}, {"header_bomb", 3, header_bomb},
    {"tcp", 3, tcp},       {"tcp_name", 3, tcp_name},
    {"tls", 4, tls},       {"udp", 3, udp},
};

Arguments split(std::string_view text) {
    Arguments out;
    while (!text.empty()) {
        const auto blank = text.find(' ');
        out.emplace_back(text.substr(0, blank));
        text = blank == text.npos ? std::string_view() : text.substr(blank + 1);
    }
    return out;
}

}  // namespace

wavs::Result<std::vector<wavs::Response>> wavs::on_trigger(const TriggerAction& action) {
    const auto request = decode_request(action);
    if (!request) {
        return Error(request.error());
    }
    auto arguments = split(text_of(request->data));
    const auto name = arguments.empty() ? std::string() : arguments.front();
    for (const auto& command : kCommands) {
        if (command.name == name && arguments.size() > command.arguments) {
            arguments.erase(arguments.begin());
            const auto answer = command.run(arguments);
            if (!answer) {
                return Error(answer.error());
            }
            const auto bytes = bytes_of(*answer);
            return std::vector{Response{.payload = Bytes(bytes.begin(), bytes.end())}};
        }
    }
    return Error("unknown command");
}
