# A thin front for meson and ninja. `make demo` and `make test` are all a newcomer needs: both install what they need.
BUILD := build

.PHONY: all setup demo test test-boot bench install format clean
all: $(BUILD)/build.ninja
	@ninja -C $(BUILD) src/bootherd docs/bootherd.8

$(BUILD)/build.ninja:
	@scripts/setup.sh build
	@meson setup $(BUILD) --prefix=/usr/local >$(BUILD).log || { tail -n 20 $(BUILD).log; rm -rf $(BUILD); exit 1; }
	@rm -f $(BUILD).log

# ISO=path boots the operator's own image as far as QEMU can follow.
demo:
	@scripts/setup.sh demo
	@$(MAKE) --no-print-directory all
	@ISO="$(ISO)" scripts/demo.sh

test:
	@scripts/setup.sh test
	@$(MAKE) --no-print-directory all
	@tests/run.sh

# One boot test by its name in tests/boot: make test-boot CASE=esxi4
test-boot:
	@scripts/setup.sh test
	@$(MAKE) --no-print-directory all
	@meson test -C $(BUILD) --suite boot --verbose $(CASE)

# Beside the peers from Debian's packages: make bench BENCH="--only tftp --rounds 5"; --json, --markdown, --short.
bench:
	@scripts/setup.sh bench
	@$(MAKE) --no-print-directory all
	@bench/run.sh $(BENCH)

install: all
	@meson install -C $(BUILD) --no-rebuild

format:
	@find src tests bench -name '*.c' -o -name '*.h' | xargs clang-format -i

clean:
	@rm -rf build build-*
