# The namespace of the ABI's version is no part of the names that hosts write.
s#^namespace moxie::inline abi[0-9]+#namespace moxie#
# What a comment labels becomes a paragraph with that title. One line stays one line, so that warnings name the right one.
s#^( *///) (Shapes|Units|Errors|Threads|Source)  +#\1 @label{\2} #
