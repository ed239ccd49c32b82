# dbhound: the only build file. `make help` lists the targets.
#
# Objects live in build/VARIANT, so release, sanitizer, coverage and fuzz builds never mix. The program is linked to
# build/dbhound. Your CFLAGS and LDFLAGS are added, never replaced.
CC       ?= cc
VARIANT  ?= release
SANITIZE ?=
WERROR   ?= 1
PREFIX   ?= /usr/local
OUT      := build/$(VARIANT)$(if $(SANITIZE),-$(SANITIZE))

BUILD_PACKAGES := gcc make pkg-config libc6-dev libpcap-dev libndpi-dev libmaxminddb-dev libsqlite3-dev zlib1g-dev libzstd-dev \
                  libjansson-dev libxxhash-dev libssl-dev
TEST_PACKAGES  := libcmocka-dev sqlite3 tshark python3 zstd binutils
LIBRARIES      := libpcap sqlite3 zlib libzstd jansson libcrypto

WARN := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wwrite-strings \
        -Wcast-qual -Wundef -Wformat=2 $(if $(WERROR),-Werror)
FLAGS_release  := -O2 -g -fno-plt -D_FORTIFY_SOURCE=2 -fstack-protector-strong -fstack-clash-protection -fPIE
FLAGS_debug    := -O0 -g3 -fPIE
FLAGS_coverage := -O0 -g --coverage
LDFLAGS_release  := -pie -Wl,-z,relro,-z,now,-z,noexecstack
LDFLAGS_debug    := -pie
LDFLAGS_coverage := --coverage
SAN_address := address,undefined
SAN_thread  := thread
SANFLAGS := $(if $(SANITIZE),-fsanitize=$(or $(SAN_$(SANITIZE)),$(error SANITIZE is address or thread)) \
            -fno-sanitize-recover=all -fno-omit-frame-pointer -U_FORTIFY_SOURCE)

PROJECT_CFLAGS  := -std=c11 -D_GNU_SOURCE -Iinclude -Isrc $(WARN) $(FLAGS_$(VARIANT)) $(SANFLAGS) -pthread
PROJECT_LDFLAGS := $(LDFLAGS_$(VARIANT)) $(SANFLAGS) -pthread
PROJECT_LDLIBS   = $(shell pkg-config --libs $(LIBRARIES))

SRC  := $(sort $(wildcard src/*/*.c))
OBJ  := $(SRC:%.c=$(OUT)/%.o)
CORE := $(filter-out $(OUT)/src/app/main.o,$(OBJ))
UNIT := $(patsubst tests/unit/%.c,%,$(sort $(wildcard tests/unit/test_*.c)))

all: build/dbhound  ## build the program (the default)

build/dbhound: $(OUT)/dbhound
	@ln -f $< $@ 2>/dev/null || cp -f $< $@
$(OUT)/dbhound: $(OBJ)
	$(CC) $(PROJECT_CFLAGS) $(CFLAGS) $(PROJECT_LDFLAGS) $(LDFLAGS) -o $@ $^ $(PROJECT_LDLIBS)
$(OUT)/%.o: %.c $(OUT)/flags
	@mkdir -p $(@D)
	$(CC) $(PROJECT_CFLAGS) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<
$(OUT)/core.a: $(CORE)
	@rm -f $@
	$(AR) rcs $@ $^
$(OUT)/tests/%: $(OUT)/tests/unit/%.o $(OUT)/core.a
	@mkdir -p $(@D)
	$(CC) $(PROJECT_CFLAGS) $(CFLAGS) $(PROJECT_LDFLAGS) $(LDFLAGS) -o $@ $^ -lcmocka $(PROJECT_LDLIBS)

# Rewritten only when the command line changes, so that new flags rebuild everything.
$(OUT)/flags: FORCE
	@mkdir -p $(@D)
	@printf '%s\n' '$(CC) $(PROJECT_CFLAGS) $(CPPFLAGS) $(CFLAGS)' | cmp -s - $@ || \
	 printf '%s\n' '$(CC) $(PROJECT_CFLAGS) $(CPPFLAGS) $(CFLAGS)' > $@

check-unit: $(UNIT:%=$(OUT)/tests/%)  ## the unit tests alone
	@for t in $^; do $$t || exit 1; done
check-layers:  ## an include may only point left
	@tools/check-layers

clean:  ## remove build/
	$(RM) -r build
help:  ## this list
	@sed -n 's/^\([a-z-]*\):.*  ## \(.*\)/  make \1 - \2/p' Makefile
FORCE:
.PHONY: all check-unit check-layers clean help FORCE
.SECONDARY:
-include $(OBJ:.o=.d) $(UNIT:%=$(OUT)/tests/unit/%.d)
