# dfgen.mk: images as targets of a build by GNU make 4.2 or newer.
#
#   include $(shell pkg-config --variable=datadir dfgen)/dfgen.mk
#   $(call dfgen-image,NAME,OPTIONS [CONTEXT])
#
# Makes the target NAME, and NAME-STAGE, NAME-docker/STAGE and so on for each stage, and NAME-clean, which removes what is made for them.
# The first of them becomes the default goal where no other rule stands before. The rules are in NAME.mk, which dfgen writes into the folder
# that make runs in, and again when the Dockerfile, the context's folders or these words change. OPTIONS are those of dfgen; a comma in them
# is $(comma). Files that the Makefile makes and the image takes are made first, and a change runs only what uses them.
#
# DFGEN is the program, by default the dfgen in PATH.

DFGEN ?= dfgen
comma := ,

# Not empty when the two texts differ.
dfgen-differ = $(subst x$(1)x,,x$(2)x)$(subst x$(2)x,,x$(1)x)

dfgen-write = $(shell $(DFGEN) -G make --prefix=$(1)- --build-file=$(1).mk $(2) >&2)$(if $(filter-out 0,$(.SHELLSTATUS)),$(error dfgen $(2): failed),$(file >$(1).mk.options,$(2)))

dfgen-options = $(if $(and $(wildcard $(1).mk),$(wildcard $(1).mk.options),$(wildcard .dfgen/@$(1)-/options.json)),$(file <$(1).mk.options),none)

# Rules hold where make runs, and a file of that name elsewhere would not be the one that is included.
dfgen-check = $(if $(filter -C% -G% --build-file% --prefix%,$(2)),$(error dfgen-image,$(1): \
    $(filter -C% -G% --build-file% --prefix%,$(2)) has no place here: run make in the folder that NAME.mk and .dfgen are to be in))

define dfgen-rules
.PHONY: $(1) $(1)-clean
$(1): $(1)-dfgen-default
$(1)-clean:
	rm -rf $(1).mk $(1).mk.options .dfgen/@$(1)-
	ls -d .dfgen/* >/dev/null 2>&1 || rm -rf .dfgen
include $(1).mk
endef

dfgen-image = $(call dfgen-check,$(1),$(2))$(if $(call dfgen-differ,$(call dfgen-options,$(1)),$(2)),$(call dfgen-write,$(1),$(2)))$(eval $(call dfgen-rules,$(1)))
