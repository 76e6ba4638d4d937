"""Writes a language model of about 500 KB with random weights: make_tiny_gguf.py FILE.

It says nothing sensible, and says it through the same server, formats and protocol as a model of 50 GB: what a demo or a
test of everything around a model needs. The same arguments always give the same file.
"""

import sys

import gguf
import numpy as np

LAYERS = 2
WIDTH = 64
FEED_FORWARD_WIDTH = 128
HEADS = 4
CONTEXT_TOKENS = 2048
SEED = 582

# What it can say. Everything else that it is told, it reads byte by byte.
WORDS = """
    a the and of in to is it on at by we you they he she has was all one two small great old new blue green white dark
    bright calm long high low far near sea wind wave boat sail mast oar rope anchor harbour shore island bay tide storm
    cloud star moon sun night morning north south fish
""".split()

CHAT_TEMPLATE = (
    "{% for message in messages %}{{ message['role'] }}: {{ message['content'] }}\n{% endfor %}assistant:"
)


def vocabulary() -> list[tuple[str, float, gguf.TokenType]]:
    """Text, score and type of every token, in the order of their ids, as a SentencePiece model has them."""
    special = [
        ("<unk>", 0.0, gguf.TokenType.UNKNOWN),
        ("<s>", 0.0, gguf.TokenType.CONTROL),
        ("</s>", 0.0, gguf.TokenType.CONTROL),
    ]
    single_bytes = [(f"<0x{value:02X}>", 0.0, gguf.TokenType.BYTE) for value in range(256)]
    # U+2581 stands for the space before a word.
    words = [(f"\u2581{word}", -float(rank), gguf.TokenType.NORMAL) for rank, word in enumerate(WORDS)]
    return special + single_bytes + words


def write_model(path: str) -> None:
    tokens = vocabulary()
    is_word = np.array([kind == gguf.TokenType.NORMAL for _, _, kind in tokens])
    random = np.random.default_rng(SEED)

    def weights(rows: int, columns: int) -> np.ndarray:
        return random.normal(0.0, columns**-0.5, (rows, columns)).astype(np.float32)

    # The first channel of the hidden state is the same for every input, as no layer reads or writes it; only the output
    # layer looks at it, and learns from it that words are likely and single bytes or an end are not. So every answer is
    # words, and exactly as long as was asked for.
    embedding = random.normal(0.0, 1.0, (len(tokens), WIDTH)).astype(np.float32)
    embedding[:, 0] = 4.0
    output = 2.0 * weights(len(tokens), WIDTH)
    output[:, 0] = np.where(is_word, 10.0, -10.0)
    all_but_first = np.ones(WIDTH, np.float32)
    all_but_first[0] = 0.0

    def onto_hidden_state(columns: int) -> np.ndarray:
        # Larger than usual, so that what came before counts for more than the last word alone.
        matrix = 4.0 * weights(WIDTH, columns)
        matrix[0, :] = 0.0
        return matrix

    writer = gguf.GGUFWriter(path, "llama")
    writer.add_name("tiny random llama")
    writer.add_context_length(CONTEXT_TOKENS)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(FEED_FORWARD_WIDTH)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(HEADS)
    writer.add_rope_dimension_count(WIDTH // HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_vocab_size(len(tokens))
    writer.add_tokenizer_model("llama")
    writer.add_token_list([text for text, _, _ in tokens])
    writer.add_token_scores([score for _, score, _ in tokens])
    writer.add_token_types([kind for _, _, kind in tokens])
    writer.add_unk_token_id(0)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_chat_template(CHAT_TEMPLATE)

    writer.add_tensor("token_embd.weight", embedding)
    writer.add_tensor("output_norm.weight", np.ones(WIDTH, np.float32))
    writer.add_tensor("output.weight", output)
    for layer in range(LAYERS):
        block = f"blk.{layer}"
        writer.add_tensor(f"{block}.attn_norm.weight", all_but_first)
        writer.add_tensor(f"{block}.attn_q.weight", weights(WIDTH, WIDTH))
        writer.add_tensor(f"{block}.attn_k.weight", weights(WIDTH, WIDTH))
        writer.add_tensor(f"{block}.attn_v.weight", weights(WIDTH, WIDTH))
        writer.add_tensor(f"{block}.attn_output.weight", onto_hidden_state(WIDTH))
        writer.add_tensor(f"{block}.ffn_norm.weight", all_but_first)
        writer.add_tensor(f"{block}.ffn_gate.weight", weights(FEED_FORWARD_WIDTH, WIDTH))
        writer.add_tensor(f"{block}.ffn_up.weight", weights(FEED_FORWARD_WIDTH, WIDTH))
        writer.add_tensor(f"{block}.ffn_down.weight", onto_hidden_state(FEED_FORWARD_WIDTH))

    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: make_tiny_gguf.py FILE")
    write_model(sys.argv[1])
