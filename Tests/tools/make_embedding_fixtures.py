#!/usr/bin/env python3
"""What the reference programs answer, for Tests/EmbeddingTests.

    pip install numpy scipy safetensors tokenizers snowballstemmer
    make_embedding_fixtures.py tokens  MODEL_FOLDER OUT.jsonl COUNT     nasty texts and their token ids
    make_embedding_fixtures.py vectors MODEL_FOLDER OUT_FOLDER          vectors.jsonl (texts), vectors.i16
    make_embedding_fixtures.py stems   WORDNET_FOLDER OUT.txt COUNT     "word stem" pairs

Committed: tokens with COUNT 300, vectors, stems with COUNT 5000. For a wider run make `tokens` with COUNT 5000 and
point CORTEX_TOKEN_CASES at the file; likewise CORTEX_STEM_CASES.
"""
import json
import random
import re
import sys
from pathlib import Path

SEED = 20250611
WINDOW = 256

PROSE = [
    "", " ", "This is an example sentence", "Hello, World!", "don't can't won't I'm o'clock", "e-mail@example.com",
    "https://example.com/a/b?c=d&e=f#g", "C++ and C# and F#", "3.14159 1,000,000 $5.00 50%", "x=y+z; if (a<b) {return}",
    "naïve café résumé Zürich São Paulo", "ÀÉÎÕÜ àéîõü ĄĘŁŻ ąęłż", "İstanbul ıspanak I i", "ǅ ǆ Ǆ ß ẞ ﬁ ﬂ",
    "e\u0301 a\u0308 n\u0303 \u0301 x\u0301\u0302\u0303", "Ελληνικά ΣΊΣΥΦΟΣ σίσυφος", "Привет, мир! ЁЖИК", "שלום עולם",
    "السلام عليكم", "नमस्ते दुनिया", "สวัสดีชาวโลก", "こんにちは世界 カタカナ ﾊﾝｶｸ", "你好，世界", "안녕하세요 세계", "한국어 텍스트입니다",
    "😀 😃👍🏽 👨‍👩‍👧‍👦 🇩🇪", "a\u200bb\u200cc\u200dd\ufeffe", "a\u00adb", "tab\tnewline\nreturn\r\nend", "nul\x00byte bell\x07 esc\x1b",
    "\u0085\u2028\u2029\u3000\u00a0", "[CLS] [SEP] [MASK] [UNK] [PAD] [cls] [CLS", "a[SEP]b[MASK]c", "##ing ##", "…—–“”‘’«»",
    "a" * 100, "a" * 101, "b" * 99 + "é", "b" * 100 + "\u0301", "word " * 400, "1" * 10000, "é" * 10000, "漢" * 10000, "\u0301" * 10000,
    "supercalifragilisticexpialidocious antidisestablishmentarianism", "\ufffd\ufffe\uffff", "\U0001f600\U0010ffff\ue000",
    "㎏ ㍿ ½ ² ³ ① Ⅷ", "ａｂｃ ＡＢＣ １２３", "𝐀𝐁𝐂 𝒜 𝔸", "\U00020000\U0002f800 \uf900", "def f(x):\n    return x ** 2  # square",
    '{"key": [1, 2.5e-3, null]}', "SELECT * FROM t WHERE a = 'b';", "WHAT WHEN WHERE", "Ünïcödé ẅïẗḧ ḋïäċṙïẗïċṡ",
]
WORDS = ("the of memory agent vector search Ana said in May 2023 that database index graph quick brown fox jumps over lazy dog "
         "Paris München naïve running happily unbelievable tokenization transformer 42 3.5 don't e-mail state-of-the-art").split()


def nasty_texts(count):
    rng = random.Random(SEED)
    texts = list(PROSE)
    block = 0
    scalars = [c for c in range(0x30000) if not 0xD800 <= c < 0xE000] + list(range(0xE0000, 0xE0200)) + [0x10FFFF]
    # every block of 256 scalars sampled, mixed into words, then noise of every kind
    blocks = [scalars[i:i + 256] for i in range(0, 0x4000, 256)] + [scalars[i:i + 256] for i in range(0x4000, len(scalars), 4096)]
    while len(texts) < count:
        kind = rng.randrange(5)
        if kind == 0:
            source = blocks[block % len(blocks)]
            block += 1
            text = "".join(chr(rng.choice(source)) for _ in range(rng.randrange(1, 20)))
        elif kind == 1:
            source = blocks[block % len(blocks)]
            block += 1
            text = " ".join(rng.choice(WORDS) + chr(rng.choice(source)) + rng.choice(WORDS) for _ in range(6))
        elif kind == 2:
            text = " ".join(rng.choice(WORDS) for _ in range(rng.randrange(1, 40)))
        elif kind == 3:
            text = "".join(chr(rng.choice(scalars)) for _ in range(rng.randrange(1, 30)))
        else:
            text = "".join(rng.choice("abcXYZ  .,-'\u0301\u0130éß1\t漢[]") for _ in range(rng.randrange(1, 120)))
        texts.append(text)
    return texts


def tokenizer_of(folder):
    from tokenizers import Tokenizer
    tokenizer = Tokenizer.from_file(f"{folder}/tokenizer.json")
    tokenizer.enable_truncation(WINDOW)
    tokenizer.no_padding()
    return tokenizer


def make_tokens(folder, out, count):
    tokenizer = tokenizer_of(folder)
    with open(out, "w", encoding="utf-8") as file:
        for text in nasty_texts(count):
            file.write(json.dumps({"text": text, "ids": tokenizer.encode(text).ids}, separators=(",", ":")) + "\n")


def reference(weights, ids):
    """BERT in float64 for one text, mean pooled, length 1."""
    import numpy as np
    from scipy.special import erf

    def normalised(x, name):
        x = x - x.mean(-1, keepdims=True)
        return x / np.sqrt((x * x).mean(-1, keepdims=True) + 1e-12) * weights[name + ".weight"] + weights[name + ".bias"]

    def linear(x, name):
        return x @ weights[name + ".weight"].T + weights[name + ".bias"]

    count = len(ids)
    x = weights["embeddings.word_embeddings.weight"][ids] + weights["embeddings.position_embeddings.weight"][:count] \
        + weights["embeddings.token_type_embeddings.weight"][0]
    x = normalised(x, "embeddings.LayerNorm")
    for layer in range(6):
        p = f"encoder.layer.{layer}."
        q, k, v = (linear(x, p + "attention.self." + n).reshape(count, 12, 32).transpose(1, 0, 2)
                   for n in ("query", "key", "value"))
        scores = q @ k.transpose(0, 2, 1) / np.sqrt(32)
        scores = np.exp(scores - scores.max(-1, keepdims=True))
        scores /= scores.sum(-1, keepdims=True)
        context = (scores @ v).transpose(1, 0, 2).reshape(count, 384)
        x = normalised(linear(context, p + "attention.output.dense") + x, p + "attention.output.LayerNorm")
        h = linear(x, p + "intermediate.dense")
        h = h * 0.5 * (1 + erf(h / np.sqrt(2)))
        x = normalised(linear(h, p + "output.dense") + x, p + "output.LayerNorm")
    mean = x.mean(0)
    return mean / np.linalg.norm(mean)


def make_vectors(folder, out):
    import numpy as np
    from safetensors.numpy import load_file
    weights = {k: v.astype(np.float64) for k, v in load_file(f"{folder}/model.safetensors").items() if v.dtype == np.float32}
    tokenizer = tokenizer_of(folder)
    texts = [t for t in nasty_texts(215) if len(t) < 3000][:200]
    vectors = np.array([reference(weights, tokenizer.encode(text).ids) for text in texts])
    with open(out / "vectors.jsonl", "w", encoding="utf-8") as file:
        for text in texts:
            file.write(json.dumps({"text": text}) + "\n")
    np.round(vectors * 32767).astype("<i2").tofile(out / "vectors.i16")


def make_stems(folder, out, count):
    import snowballstemmer
    words = set()
    for name in ("noun", "verb", "adj", "adv"):
        for line in open(f"{folder}/data.{name}", encoding="utf-8"):
            words.update(re.findall(r"[a-z]+(?:'[a-z]+)*", line.partition(" | ")[2].lower()))
    words = sorted(words)
    endings = ("s ed ing edly ingly ly 's s' ies ied ying ational iveness fulness ousness biliti ogist li ogi alism "
               "ement ence able ization eed eedly eely y yed ys e es ess al ity").split()
    rng = random.Random(SEED)
    made = [rng.choice(words)[:rng.randrange(1, 8)] + rng.choice(endings) for _ in range(count // 4)]
    special = ("skis skies sky dying lying tying idly gently ugly early only singly news howe atlas cosmos bias andes inning "
               "innings outing canning herring earring proceed exceed succeed evening generate communism arsenal arsenic emergency "
               "yyyy y yes say boyish youth a i is us gas this kiwis gaps bee sees agreed feed").split()
    rng.shuffle(words)
    stem = snowballstemmer.stemmer("english").stemWord
    chosen = sorted(set(words[:count - len(made)]) | set(made) | set(special))
    Path(out).write_text("".join(f"{word} {stem(word)}\n" for word in chosen), encoding="utf-8")


if __name__ == "__main__":
    kind, source, target = sys.argv[1], sys.argv[2], Path(sys.argv[3])
    if kind == "tokens":
        make_tokens(source, target, int(sys.argv[4]))
    elif kind == "vectors":
        make_vectors(source, target)
    elif kind == "stems":
        make_stems(source, target, int(sys.argv[4]))
