# Prints the expected values of tests/base/rng_test.cpp: splitmix64 and xoshiro256** written from the reference algorithms
# (Blackman and Vigna, prng.di.unimi.it) in plain Python integers. Run: python3 tests/golden/make_rng.py
import math

MASK = (1 << 64) - 1


def splitmix64(state):
    state = (state + 0x9E3779B97F4A7C15) & MASK
    z = state
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
    return state, z ^ (z >> 31)


def rotl(x, k):
    return ((x << k) | (x >> (64 - k))) & MASK


def seeded(seed, stream=0):
    state = seed ^ splitmix64(stream)[1]
    words = []
    for _ in range(4):
        state, word = splitmix64(state)
        words.append(word)
    return words


def step(s):
    result = (rotl((s[1] * 5) & MASK, 7) * 9) & MASK
    t = (s[1] << 17) & MASK
    s[2] ^= s[0]
    s[3] ^= s[1]
    s[1] ^= s[2]
    s[0] ^= s[3]
    s[2] ^= t
    s[3] = rotl(s[3], 45)
    return result


def uniform(s):
    return (step(s) >> 11) * 2.0**-53


def normal(s):
    radius = math.sqrt(-2 * math.log(1 - uniform(s)))
    return radius * math.cos(2 * math.pi * uniform(s))


def below(s, bound):
    while True:
        value = step(s)
        if value >= (1 << 64) % bound:
            return value % bound


def shuffled(s, values):
    for i in range(len(values), 1, -1):
        j = below(s, i)
        values[i - 1], values[j] = values[j], values[i - 1]
    return values


if __name__ == "__main__":
    state = [1, 2, 3, 4]  # whose stream the rand_xoshiro crate publishes
    assert [step(state) for _ in range(10)] == [11520, 0, 1509978240, 1215971899390074240, 1216172134540287360, 607988272756665600,
                                                16172922978634559625, 8476171486693032832, 10595114339597558777, 2904607092377533576]
    for seed, stream in ((0, 0), (42, 0), (42, 7)):
        state = seeded(seed, stream)
        print(f"seed {seed} stream {stream}:", [hex(step(state)) for _ in range(5)])
    state = seeded(42)
    print("uniform 42:", [uniform(state) for _ in range(2)])
    state = seeded(42)
    print("normal 42:", [normal(state) for _ in range(2)])
    print("shuffle 42:", shuffled(seeded(42), list(range(10))))
